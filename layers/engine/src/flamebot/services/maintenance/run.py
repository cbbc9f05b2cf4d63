"""The maintenance pass: health check, gauges, search for orphaned workflows, retention."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from flamebot.domain.errors import FlamebotError, StoreUnavailable
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import Json
from flamebot.ports.maintenance_store import MaintenanceStore
from flamebot.ports.telemetry import Telemetry
from flamebot.services.maintenance.health import CheckHealth, HealthReport
from flamebot.services.maintenance.health_limits import orphaned_workflows
from flamebot.services.time_budget import TimeBudget

DELETE_BATCH = 1000  # rows per statement, so that no statement holds its locks for long
SEARCH_BATCH = 5000  # workflows per statement, which only reads


class RunMaintenance:
    """Runs one maintenance pass. Its parts are independent: one that fails stops no other."""

    def __init__(
        self,
        *,
        store: MaintenanceStore,
        checks: CheckHealth,
        task_retention: timedelta,
        history_retention: timedelta,
        telemetry: Telemetry,
        clock: Clock,
        extra_parts: Mapping[str, Callable[[], Any]] | None = None,
    ) -> None:
        """Set up the pass; nothing runs yet.

        Args:
            store: What the pass reads and deletes.
            checks: The health check that each pass begins with.
            task_retention: Age at which finished tasks are deleted (schedule time).
            history_retention: Age at which history partitions are dropped (schedule time).
            telemetry: Gets gauges, warnings and one line per pass.
            clock: Its rate converts schedule time to wall time.
            extra_parts: Further parts by name, each run once per pass.
        """
        self._store = store
        self._checks = checks
        self._task_retention = task_retention
        self._history_retention = history_retention
        self._clock = clock
        self._telemetry = telemetry
        self._extra_parts = extra_parts or {}

    def run(self, remaining: Callable[[], float]) -> Json:
        """Run one pass and return its report: health, reasons, and a result per part.

        Args:
            remaining: Returns the wall-clock seconds until the invocation ends.

        Raises:
            FlamebotError: The first part's error, after every part was tried.
            StoreUnavailable: The database is unreachable or read-only, and no part was tried.
        """
        budget = TimeBudget(remaining)
        report = self._checks.run()
        errors: list[FlamebotError] = []
        results: Json = {}
        if report.writable:
            after, orphaned = self._search(report, budget, results, errors)
            report = report.with_check(orphaned_workflows(orphaned))
            self._run_parts(budget, results, errors)
            failed = results.get("failed", [])
            try:
                self._store.record_maintenance(
                    {"after": after, "orphaned_workflows": orphaned, "failed": failed}
                )
            except FlamebotError as error:
                errors.append(error)
        else:
            errors.append(StoreUnavailable())
        # Emitted before the error is raised: the alarm on failed checks needs the metric.
        self._emit(report)
        results = {"health": report.status, "reasons": report.reasons, **results}
        self._telemetry.info("maintenance_done", **results)
        if errors:
            raise errors[0]
        return results

    def _run_parts(self, budget: TimeBudget, results: Json, errors: list[FlamebotError]) -> None:
        # Deleting tasks comes last: it alone may need all the time that is left.
        parts: dict[str, Callable[[], Any]] = {
            "history": lambda: self._store.maintain_history(self._history_retention),
            "locks": self._store.delete_expired_locks,
            "requests": self._store.delete_old_requests,
            "calls": self._store.delete_old_calls,
            **self._extra_parts,
            "tasks": lambda: self._delete_finished_tasks(budget),
        }
        for name, part in parts.items():
            # A part that is left out is not a failed one: the next pass begins with it again.
            if not budget.may_start_part:
                break
            try:
                results[name] = part()
            except FlamebotError as error:
                # guard: other-parts-go-on
                self._part_failed(name, error, results, errors)

    def _part_failed(
        self, part: str, error: FlamebotError, results: Json, errors: list[FlamebotError]
    ) -> None:
        self._telemetry.warn(
            "maintenance_part_failed", part=part, code=error.code, detail=error.detail
        )
        results.setdefault("failed", []).append(part)
        errors.append(error)

    def _search(
        self,
        report: HealthReport,
        budget: TimeBudget,
        results: Json,
        errors: list[FlamebotError],
    ) -> tuple[str, int]:
        """Search for orphaned workflows from the account at which the last pass stopped.

        Returns:
            The account after which the next pass begins, and how many were found. A pass that
            found some returns its own beginning, so that the next one checks the same again.
        """
        before: Json = dict(report.facts["last_maintenance"])
        begin = after = str(before.get("after", ""))
        # Resuming by account id: a full scan of the live workflows may need several passes.
        ids: list[str] = []
        checked = orphaned = 0
        search = budget.part(TimeBudget.SEARCH_SECONDS)
        try:
            while not search.over:
                found = self._store.find_orphaned_workflows(after, SEARCH_BATCH)
                checked += int(found["checked"])
                orphaned += int(found["orphaned"])
                ids += found["ids"]
                after = found["last"] or ""
                if not after:
                    break
        except FlamebotError as error:
            self._part_failed("search", error, results, errors)
            return begin, int(before.get("orphaned_workflows", 0))
        results["searched"] = checked
        if orphaned:
            self._telemetry.warn("orphaned_workflows", instances=ids[:20])
        return (begin if orphaned else after), orphaned

    def _emit(self, report: HealthReport) -> None:
        if report.facts:
            self._telemetry.seconds(
                "OldestDueAge", float(report.facts["oldest_due_age_seconds"]) / self._clock.rate
            )
            self._telemetry.count("DueBacklog", float(report.facts["due_backlog"]))
        self._telemetry.count("HealthChecksFailed", len(report.urgent))
        if report.reasons:
            self._telemetry.warn("health_degraded", reasons=report.reasons)

    def _delete_finished_tasks(self, budget: TimeBudget) -> int:
        deleted = 0
        while budget.may_start_part:  # guard: delete-while-time-is-left
            batch = self._store.delete_finished_tasks(self._task_retention, DELETE_BATCH)
            deleted += batch
            if batch < DELETE_BATCH:
                break
        return deleted
