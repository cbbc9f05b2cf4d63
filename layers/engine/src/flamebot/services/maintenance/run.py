"""The periodic pass: health, gauges, retention."""

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
from flamebot.services.maintenance.health_limits import lost_workflows

BATCH = 1000  # rows per statement: none of them holds its locks for long
LOOKED_AT = 5000  # workflows per statement that only reads
SHORT_SECONDS = 5.0  # what is left undone then is the next pass's
SEARCH_SECONDS = 10.0  # for lost workflows; what is left is the next pass's


class RunMaintenance:
    """One pass of maintenance. Each part stands for itself: if one fails, the others are done all the same."""

    def __init__(
        self,
        *,
        store: MaintenanceStore,
        checks: CheckHealth,
        task_retention: timedelta,
        history_retention: timedelta,
        telemetry: Telemetry,
        clock: Clock,
        also: Mapping[str, Callable[[], Any]] | None = None,
    ) -> None:
        """Take the ports; `also` are further parts of a pass, by name. Nothing is done yet."""
        self._store = store
        self._checks = checks
        self._task_retention = task_retention
        self._history_retention = history_retention
        self._clock = clock
        self._telemetry = telemetry
        self._also = also or {}

    def run(self, time_left: Callable[[], float]) -> Json:
        """Keep up, in wall-clock seconds at most what `time_left` says. Raises the first error once every part was tried.

        Without a database that takes changes nothing is tried: the health check has said why.
        """
        report = self._checks.run()
        errors: list[FlamebotError] = []
        done: Json = {}
        if report.writable:
            after, lost = self._search(report, time_left, done, errors)
            report = report.with_check(lost_workflows(lost))
            self._tend(time_left, done, errors)
            try:
                self._store.record_maintenance(
                    {"after": after, "lost_workflows": lost, "failed": done.get("failed", [])}
                )
            except FlamebotError as error:
                errors.append(error)
        else:
            errors.append(StoreUnavailable())
        self._tell(report)
        self._telemetry.info("kept_up", health=report.status, reasons=report.reasons, **done)
        if errors:
            raise errors[0]
        return {"health": report.status, "reasons": report.reasons, **done}

    def _tend(
        self, time_left: Callable[[], float], done: Json, errors: list[FlamebotError]
    ) -> None:
        parts: dict[str, Callable[[], Any]] = {
            "history": lambda: self._store.maintain_history(self._history_retention),
            "locks": self._store.delete_expired_locks,
            "requests": self._store.delete_old_requests,
            **self._also,
            "tasks": lambda: self._delete_finished(time_left),
        }
        for name, part in parts.items():
            if time_left() < SHORT_SECONDS:
                break
            try:
                done[name] = part()
            except FlamebotError as error:
                self._failed(name, error, done, errors)

    def _failed(
        self, part: str, error: FlamebotError, done: Json, errors: list[FlamebotError]
    ) -> None:
        self._telemetry.warn(
            "maintenance_part_failed", part=part, code=error.code, detail=error.detail
        )
        done.setdefault("failed", []).append(part)
        errors.append(error)

    def _search(
        self,
        report: HealthReport,
        time_left: Callable[[], float],
        done: Json,
        errors: list[FlamebotError],
    ) -> tuple[str, int]:
        """Look for workflows that nothing would wake, from where the last pass stopped. Answers where the next one begins, and how many.

        A pass that finds some leaves the place as it is: the next one says whether they are still lost.
        """
        before: Json = dict(report.facts["last_maintenance"])
        begin = after = str(before.get("after", ""))
        ids: list[str] = []
        checked = lost = 0
        enough = max(time_left() - SEARCH_SECONDS, SHORT_SECONDS)
        try:
            while time_left() > enough:
                looked = self._store.find_orphaned_workflows(after, LOOKED_AT)
                checked += int(looked["checked"])
                lost += int(looked["lost"])
                ids += looked["ids"]
                after = looked["last"] or ""
                if not after:
                    break
        except FlamebotError as error:
            self._failed("search", error, done, errors)
            return begin, int(before.get("lost_workflows", 0))
        done["searched"] = checked
        if lost:
            self._telemetry.warn("workflows_lost", instances=ids[:20])
        return (begin if lost else after), lost

    def _tell(self, report: HealthReport) -> None:
        if report.facts:
            self._telemetry.seconds(
                "OldestDueAge", float(report.facts["oldest_due_age_seconds"]) / self._clock.rate
            )
            self._telemetry.count("DueBacklog", float(report.facts["due_backlog"]))
        self._telemetry.count("HealthChecksFailed", len(report.urgent))
        if report.reasons:
            self._telemetry.warn("health_degraded", reasons=report.reasons)

    def _delete_finished(self, time_left: Callable[[], float]) -> int:
        deleted = 0
        while time_left() >= SHORT_SECONDS:
            batch = self._store.delete_finished_tasks(self._task_retention, BATCH)
            deleted += batch
            if batch < BATCH:
                break
        return deleted
