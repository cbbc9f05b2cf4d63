"""Judge the engine's health from what the database knows and from probes of its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from flamebot.domain.errors import Unavailable
from flamebot.ports.clock import Clock
from flamebot.ports.store import Json
from flamebot.ports.telemetry import Telemetry

OLDEST_TICK_SECONDS = 180  # real: a rule fires anywhere in its minute, and a tick may take one
OLDEST_DUE_SECONDS = 300  # engine seconds in real ones: times the clock's rate
MOST_LOST = 20  # one crash leaves a handful until the next tick; more means that ticks do not keep up
WAITING_PER_PLACE = 60  # an effect takes a second or two: what waits beyond that waits for minutes

Probe = Callable[[], object]  # raises, soon, if the neighbour does not answer


class KnowsHealth(Protocol):
    """A store that can be asked how the engine does."""

    def health(self) -> Json:
        """What the database knows."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that should be so, and how it is."""

    name: str
    ok: bool
    detail: str


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
    def reasons(self) -> list[str]:
        """What is not as it should be."""
        return [f"{check.name}: {check.detail}" for check in self.checks if not check.ok]


class CheckHealth:
    """The health check, for operators, for the upkeep pass and for whoever asks whether the API is up."""

    def __init__(
        self,
        *,
        store: KnowsHealth,
        max_concurrent_tasks: int,
        telemetry: Telemetry,
        clock: Clock,
        probes: Mapping[str, Probe] | None = None,
    ) -> None:
        self._store = store
        self._places = max_concurrent_tasks
        self._telemetry = telemetry
        self._clock = clock
        self._probes = probes or {}

    def run(self) -> HealthReport:
        """Check everything; a neighbour that is down is a finding, not an error."""
        database, facts = self._database()
        figures = judge(facts, places=self._places, rate=self._clock.rate) if database.ok else ()
        probed = [self._probe(name, probe) for name, probe in self._probes.items()]
        return HealthReport(checks=(database, *figures, *probed), facts=facts)

    def database(self) -> Check:
        """Whether the database is there and can be written to."""
        return self._database()[0]

    def _database(self) -> tuple[Check, Json]:
        try:
            facts = self._store.health()
        except Unavailable as error:
            return Check(name="database", ok=False, detail=error.detail), {}
        if facts["read_only"]:
            return Check(name="database", ok=False, detail="The database cannot be written to."), facts
        return Check(name="database", ok=True, detail="The database answers and can be written to."), facts

    def _probe(self, name: str, probe: Probe) -> Check:
        try:
            probe()
        except Exception as error:  # noqa: BLE001  # whatever it is, it is a finding
            self._telemetry.warn("probe_failed", check=name, error=type(error).__name__)
            return Check(name=name, ok=False, detail=f"It does not answer ({type(error).__name__}).")
        return Check(name=name, ok=True, detail="It answers.")


def judge(facts: Mapping[str, Any], *, places: int, rate: float) -> tuple[Check, ...]:
    """The checks that figures from the database decide. `places`: effects at once; `rate`: engine seconds per real second."""
    age, due = facts["last_tick_age_seconds"], float(facts["oldest_due_age_seconds"]) / rate
    lost = int(facts["expired_leases"]) + int(facts["lost_messages"])
    backlog, room = int(facts["due_backlog"]), places * WAITING_PER_PLACE
    held = " Everything is paused." if facts["paused"] else ""
    return (
        Check(
            name="last_tick",
            ok=age is not None and float(age) < OLDEST_TICK_SECONDS,
            detail="No tick has finished yet." if age is None else f"The last tick finished {float(age):.0f} s ago.",
        ),
        Check(
            name="oldest_due",
            ok=bool(held) or due < OLDEST_DUE_SECONDS,
            detail=(f"The oldest task that is due waits since {due:.0f} s." if due > 0 else "Nothing that is due waits.") + held,
        ),
        Check(name="expired_leases", ok=lost <= MOST_LOST, detail=f"{lost} tasks were lost on the way or with whoever ran them."),
        Check(
            name="enough_concurrency",
            ok=bool(held) or backlog <= room,
            detail=f"{backlog} tasks are due and wait for {places} places."
            + ("" if backlog <= room else " Raise MAX_CONCURRENT_TASKS.")
            + held,
        ),
    )
