"""Evaluate the engine's health from the database and from probes of the other dependencies.

docs/reference/health.md says what each check means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Protocol

from flamebot.domain.errors import FlamebotError
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import Json
from flamebot.ports.telemetry import Telemetry
from flamebot.services.maintenance.check import Check
from flamebot.services.maintenance.health_limits import Limits, evaluate
from flamebot.services.maintenance.probes import (
    Probe,
    ProbeResult,
    ProbeTimeout,
    ProbeWarning,
    RunProbes,
    run_in_sequence,
)


class HealthStore(Protocol):
    """A store that reads the figures of the health check; several roles may."""

    def engine_health(self) -> Json:
        """Return the database's figures; see `sql/functions/engine_health.sql`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """Every check, and the database's figures (empty if the database is unreachable)."""

    checks: tuple[Check, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """Return `ok` if every check is ok, else `degraded`."""
        return "ok" if all(check.ok for check in self.checks) else "degraded"

    @property
    def urgent(self) -> list[Check]:
        """Return the failed checks because of which workflows stand still or run late."""
        return [check for check in self.checks if check.urgent and not check.ok]

    @property
    def reasons(self) -> list[str]:
        """Return name and detail of every failed check."""
        return [f"{check.name}: {check.detail}" for check in self.checks if not check.ok]

    @property
    def writable(self) -> bool:
        """Return whether the database is reachable and writable."""
        return all(check.ok for check in self.checks if check.name == "database")

    def with_check(self, check: Check) -> HealthReport:
        """Return a report in which this check replaces the one of the same name."""
        return replace(
            self,
            checks=tuple(check if known.name == check.name else known for known in self.checks),
        )


class CheckHealth:
    """The health check, for the API and for the maintenance pass."""

    def __init__(
        self,
        *,
        store: HealthStore,
        max_concurrent_tasks: int,
        maintenance_period: timedelta,
        telemetry: Telemetry,
        clock: Clock,
        probes: Mapping[str, Probe] | None = None,
        run_probes: RunProbes = run_in_sequence,
    ) -> None:
        """Set up the check; nothing is probed yet.

        Args:
            store: Where the figures come from.
            max_concurrent_tasks: How many effects run at once, for `enough_concurrency`.
            maintenance_period: Schedule time between two maintenance passes.
            telemetry: Gets a log line for each probe that failed.
            clock: Its rate converts schedule time to wall time.
            probes: The other dependencies, by the name of their check.
            run_probes: How the probes run, and how long a hanging dependency is waited for.
        """
        self._store = store
        self._max_concurrent_tasks = max_concurrent_tasks
        self._period = maintenance_period
        self._telemetry = telemetry
        self._clock = clock
        self._probes = probes or {}
        self._run_probes = run_probes

    def run(self) -> HealthReport:
        """Run every check. An unreachable dependency is a failed check, never an error."""
        # The database is one of the probes: it may hang like any other dependency.
        results = self._run_probes({"database": self._store.engine_health, **self._probes})
        database, facts = self._database(results.pop("database"))
        limits = Limits(
            max_concurrent_tasks=self._max_concurrent_tasks,
            maintenance_period=self._period,
            rate=self._clock.rate,
        )
        figures = evaluate(facts, limits) if facts else ()
        probed = [self._probed(name, result) for name, result in results.items()]
        return HealthReport(checks=(database, *figures, *probed), facts=facts)

    def _database(self, result: ProbeResult) -> tuple[Check, Json]:
        if result.error is not None:
            return self._failed("database", result.error), {}
        facts: Json = result.value
        writable = not facts["read_only"]
        detail = "reachable and writable" if writable else "reachable, but read-only"
        return Check(name="database", ok=writable, detail=detail), facts

    def _probed(self, name: str, result: ProbeResult) -> Check:
        if result.error is None:
            return Check(name=name, ok=True, detail="reachable")
        if isinstance(result.error, ProbeWarning):
            return Check(name=name, ok=False, detail=str(result.error), urgent=False)
        return self._failed(name, result.error)

    def _failed(self, name: str, error: Exception) -> Check:
        self._telemetry.warn("probe_failed", check=name, error=type(error).__name__)
        return Check(name=name, ok=False, detail=_public_detail(error))


def _public_detail(error: Exception) -> str:
    """Describe an error without its message, which may hold an address or a secret.

    Only the details of `FlamebotError` are written for clients.
    """
    if isinstance(error, ProbeTimeout):
        return "no response within the timeout"
    return (
        error.detail
        if isinstance(error, FlamebotError)
        else f"unreachable ({type(error).__name__})"
    )
