"""The periodic pass: health, gauges, retention."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from flamebot.domain.errors import FlamebotError
from flamebot.ports.clock import Clock
from flamebot.ports.store import Json, UpkeepStore
from flamebot.ports.telemetry import Telemetry
from flamebot.services.check_health import CheckHealth, HealthReport

BATCH = 1000  # rows per statement: none of them holds its locks for long
SHORT_SECONDS = 5.0  # what is left undone then is the next pass's


class KeepUp:
    """One pass of upkeep. Each part stands for itself: if one fails, the others are done all the same."""

    def __init__(
        self,
        *,
        store: UpkeepStore,
        task_retention: timedelta,
        history_retention: timedelta,
        max_concurrent_tasks: int,
        telemetry: Telemetry,
        clock: Clock,
        also: Mapping[str, Callable[[], Any]] | None = None,
    ) -> None:
        """Take the store and its limits; `also` are further parts of a pass, by name."""
        self._store = store
        self._task_retention = task_retention
        self._history_retention = history_retention
        self._clock = clock
        self._telemetry = telemetry
        self._also = also or {}
        self._health = CheckHealth(store=store, max_concurrent_tasks=max_concurrent_tasks, clock=clock, telemetry=telemetry)

    def run(self, time_left: Callable[[], float]) -> Json:
        """Keep up, in real seconds at most what `time_left` says. Raises the first error once every part was tried."""
        report = self._check()
        done: Json = {"health": report.status, "reasons": report.reasons}
        errors: list[FlamebotError] = []
        parts: dict[str, Callable[[], Any]] = {
            "history": lambda: self._store.tend_history(self._history_retention),
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
                self._telemetry.warn("upkeep_part_failed", part=name, code=error.code, detail=error.detail)
                errors.append(error)
        self._telemetry.info("kept_up", **done)
        if errors:
            raise errors[0]
        return done

    def _check(self) -> HealthReport:
        report = self._health.run()
        if report.facts:
            self._telemetry.seconds("OldestDueAge", float(report.facts["oldest_due_age_seconds"]) / self._clock.rate)
            self._telemetry.count("DueBacklog", float(report.facts["due_backlog"]))
        if report.reasons:
            self._telemetry.warn("health_degraded", reasons=report.reasons)
        return report

    def _delete_finished(self, time_left: Callable[[], float]) -> int:
        deleted = 0
        while time_left() >= SHORT_SECONDS:
            batch = self._store.delete_finished_tasks(self._task_retention, BATCH)
            deleted += batch
            if batch < BATCH:
                break
        return deleted
