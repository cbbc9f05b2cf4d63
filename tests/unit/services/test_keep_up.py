"""The upkeep does what time allows, in small batches, and one part's failure is not the others'."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from flamebot.adapters.clock.system import SystemClock
from flamebot.domain.errors import StoreUnavailable
from flamebot.services.keep_up import BATCH, KeepUp
from tests.gateway import Remembering
from tests.unit.services.test_check_health import WELL


class Store:
    """Finished tasks to delete, in memory."""

    def __init__(self, finished: int, *, locks: Callable[[], int] = lambda: 2) -> None:
        self.finished = finished
        self.calls: list[str] = []
        self.delete_expired_locks = locks

    def health(self) -> dict[str, Any]:
        return WELL | {"due_backlog": 7, "oldest_due_age_seconds": 4.5}

    def delete_finished_tasks(self, older_than: timedelta, limit: int) -> int:
        self.calls.append("tasks")
        batch = min(self.finished, limit)
        self.finished -= batch
        return batch

    def delete_old_requests(self) -> int:
        self.calls.append("requests")
        return 0

    def tend_history(self, keep: timedelta) -> dict[str, Any]:
        self.calls.append("history")
        return {"created": [], "dropped": []}

    def record_tick(self, claimed: int, sent: int, seconds: float) -> None:
        raise AssertionError("the upkeep is no tick")


def keeper(store: Store, telemetry: Remembering) -> KeepUp:
    """The upkeep over a store."""
    return KeepUp(
        store=store,
        task_retention=timedelta(days=7),
        history_retention=timedelta(days=90),
        max_concurrent_tasks=10,
        clock=SystemClock(),
        telemetry=telemetry,
    )


def test_retention_goes_on_until_nothing_is_left() -> None:
    """Batch after batch."""
    store, telemetry = Store(BATCH * 2 + 5), Remembering()
    done = keeper(store, telemetry).run(lambda: 60)
    assert (store.finished, done["tasks"], done["locks"]) == (0, BATCH * 2 + 5, 2)
    assert store.calls.count("tasks") == 3
    assert (done["health"], done["reasons"]) == ("ok", [])


def test_gauges_come_with_every_pass() -> None:
    """Backlog and age are told even when there is nothing to do."""
    telemetry = Remembering()
    keeper(Store(0), telemetry).run(lambda: 60)
    assert telemetry.metrics == [("OldestDueAge", 4.5), ("DueBacklog", 7.0)]


def test_it_stops_when_time_is_short() -> None:
    """What is left is the next pass's."""
    left = iter([60.0] * 5 + [60.0, 60.0] + [4.0] * 10)
    store = Store(BATCH * 10)
    done = keeper(store, Remembering()).run(lambda: next(left))
    assert 0 < store.finished < BATCH * 10
    assert done["tasks"] == BATCH * 10 - store.finished


def test_one_part_failing_stops_no_other() -> None:
    """All are tried, and then the failure is raised, for the alarm on failing invocations."""

    def away() -> int:
        raise StoreUnavailable

    store, telemetry = Store(3, locks=away), Remembering()
    with pytest.raises(StoreUnavailable):
        keeper(store, telemetry).run(lambda: 60)
    assert store.calls == ["history", "requests", "tasks"]
    assert ("upkeep_part_failed", {"part": "locks", "code": "database_unavailable", "detail": StoreUnavailable.__doc__}) in telemetry.lines
