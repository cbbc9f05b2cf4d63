"""Judge the engine's health from what the database knows and from probes of its neighbours. docs/health.md says what each check means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Protocol

from flamebot.domain.errors import FlamebotError
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import Json
from flamebot.ports.telemetry import Telemetry
from flamebot.services.maintenance.health_limits import Check, Limits, judge
from flamebot.services.maintenance.probes import Answer, Ask, NoAnswerInTime, ask_in_turn

Probe = Callable[
    [], object
]  # raises, soon, if the neighbour does not answer; `Worrying` if it does and something is amiss


class Worrying(Exception):
    """A neighbour answers, and says something that somebody should look at. The text is shown to operators."""


class KnowsHealth(Protocol):
    """A store that can be asked how the engine does."""

    def health(self) -> Json:
        """What the database knows."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """Every check, and the figures they were made from (none if the database is away)."""

    checks: tuple[Check, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """`ok` if every check is, else `degraded`."""
        return "ok" if all(check.ok for check in self.checks) else "degraded"

    @property
    def urgent(self) -> list[Check]:
        """What keeps workflows from going on as they should."""
        return [check for check in self.checks if check.urgent and not check.ok]

    @property
    def reasons(self) -> list[str]:
        """What is not as it should be."""
        return [f"{check.name}: {check.detail}" for check in self.checks if not check.ok]

    @property
    def writable(self) -> bool:
        """Whether the database is there and takes changes."""
        return all(check.ok for check in self.checks if check.name == "database")

    def with_check(self, check: Check) -> HealthReport:
        """The same with another word on one of the checks."""
        return replace(
            self,
            checks=tuple(check if known.name == check.name else known for known in self.checks),
        )


class CheckHealth:
    """The health check, for operators, for the maintenance pass and for whoever asks whether the engine is up."""

    def __init__(
        self,
        *,
        store: KnowsHealth,
        max_concurrent_tasks: int,
        maintenance_period: timedelta,
        telemetry: Telemetry,
        clock: Clock,
        probes: Mapping[str, Probe] | None = None,
        ask: Ask = ask_in_turn,
    ) -> None:
        """Take who can be asked, and how: `ask` decides how long a neighbour that hangs is waited for."""
        self._store = store
        self._places = max_concurrent_tasks
        self._period = maintenance_period
        self._telemetry = telemetry
        self._clock = clock
        self._probes = probes or {}
        self._ask = ask

    def run(self) -> HealthReport:
        """Check everything; a neighbour that is down is a finding, not an error."""
        answers = self._ask({"database": self._store.health, **self._probes})
        database, facts = self._database(answers.pop("database"))
        limits = Limits(places=self._places, maintenance_period=self._period, rate=self._clock.rate)
        figures = judge(facts, limits) if facts else ()
        probed = [self._probed(name, answer) for name, answer in answers.items()]
        return HealthReport(checks=(database, *figures, *probed), facts=facts)

    def _database(self, answer: Answer) -> tuple[Check, Json]:
        error = answer.error
        if error is not None:
            self._telemetry.warn("probe_failed", check="database", error=type(error).__name__)
            return Check(name="database", ok=False, detail=_sentence(error)), {}
        facts: Json = answer.value
        if facts["read_only"]:
            return Check(
                name="database", ok=False, detail="The database cannot be written to."
            ), facts
        return Check(
            name="database", ok=True, detail="The database answers and can be written to."
        ), facts

    def _probed(self, name: str, answer: Answer) -> Check:
        if answer.error is None:
            return Check(name=name, ok=True, detail="It answers.")
        if isinstance(answer.error, Worrying):
            return Check(name=name, ok=False, detail=str(answer.error), urgent=False)
        self._telemetry.warn("probe_failed", check=name, error=type(answer.error).__name__)
        return Check(name=name, ok=False, detail=_sentence(answer.error))


def _sentence(error: Exception) -> str:
    """What may be told of an error: never its text, which may show an address or a secret, unless it was written for clients."""
    if isinstance(error, NoAnswerInTime):
        return "It does not answer in time."
    return (
        error.detail
        if isinstance(error, FlamebotError)
        else f"It does not answer ({type(error).__name__})."
    )
