"""The maintenance does what time allows, in small batches, and one part's failure is not the others'."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from flamebot.adapters.clock.system import SystemClock
from flamebot.domain.errors import StoreUnavailable
from flamebot.services.maintenance.run import BATCH, LOOKED_AT, RunMaintenance
from tests.support.gateway import Remembering
from tests.unit.services.test_check_health import WELL, checker


class Store:
    """Finished tasks to delete and live workflows to look at, in memory."""

    def __init__(
        self,
        finished: int,
        *,
        locks: Callable[[], int] = lambda: 2,
        live: int = 0,
        lost: frozenset[int] = frozenset(),
    ) -> None:
        self.finished = finished
        self.live = live
        self.lost = lost
        self.read_only = False
        self.calls: list[str] = []
        self.looked: list[str] = []
        self.report: dict[str, Any] = {}
        self.delete_expired_locks = locks

    def health(self) -> dict[str, Any]:
        facts = {
            "due_backlog": 7,
            "oldest_due_age_seconds": 4.5,
            "last_maintenance": self.report,
            "read_only": self.read_only,
        }
        return WELL | facts

    def delete_finished_tasks(self, older_than: timedelta, limit: int) -> int:
        self.calls.append("tasks")
        batch = min(self.finished, limit)
        self.finished -= batch
        return batch

    def delete_old_requests(self) -> int:
        self.calls.append("requests")
        return 0

    def maintain_history(self, keep: timedelta) -> dict[str, Any]:
        self.calls.append("history")
        return {"created": [], "dropped": []}

    def find_orphaned_workflows(self, after: str, limit: int) -> dict[str, Any]:
        self.looked.append(after)
        begin = int(after or 0)
        seen = range(begin + 1, min(begin + limit, self.live) + 1)
        last = str(seen[-1]) if len(seen) == limit else None
        ids = [f"w{n}" for n in seen if n in self.lost]
        return {"checked": len(seen), "last": last, "lost": len(ids), "ids": ids}

    def record_maintenance(self, report: dict[str, Any]) -> None:
        self.report = report


def keeper(store: Store, telemetry: Remembering) -> RunMaintenance:
    """The maintenance over a store."""
    return RunMaintenance(
        store=store,
        checks=checker(store, telemetry),
        task_retention=timedelta(days=7),
        history_retention=timedelta(days=90),
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
    assert telemetry.metrics == [
        ("OldestDueAge", 4.5),
        ("DueBacklog", 7.0),
        ("HealthChecksFailed", 0),
    ]


def test_it_stops_when_time_is_short() -> None:
    """What is left is the next pass's."""
    left = iter([60.0] * 9 + [4.0] * 10)
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
    assert (
        "maintenance_part_failed",
        {"part": "locks", "code": "database_unavailable", "detail": StoreUnavailable.__doc__},
    ) in telemetry.lines


def test_a_database_that_takes_no_change_is_told_and_left_alone() -> None:
    """Nothing is tried, nothing is recorded; the metric and the log say what is wrong before the failure is raised."""
    store, telemetry = Store(3), Remembering()
    store.read_only = True
    with pytest.raises(StoreUnavailable):
        keeper(store, telemetry).run(lambda: 60)
    assert (store.calls, store.looked, store.report) == ([], [], {})
    assert ("HealthChecksFailed", 1) in telemetry.metrics
    assert [fields["health"] for event, fields in telemetry.lines if event == "kept_up"] == [
        "degraded"
    ]


def test_every_live_workflow_is_looked_at() -> None:
    """Part by part, to the end; the next pass begins anew."""
    store = Store(0, live=LOOKED_AT * 2 + 1)
    done = keeper(store, Remembering()).run(lambda: 60)
    assert (done["searched"], done["health"]) == (LOOKED_AT * 2 + 1, "ok")
    assert store.looked == ["", str(LOOKED_AT), str(LOOKED_AT * 2)]
    assert store.report == {"after": "", "lost_workflows": 0, "failed": []}


def test_the_search_goes_on_where_it_stopped() -> None:
    """Ten seconds are enough for a pass: what is left is the next one's (I2)."""
    store = Store(0, live=LOOKED_AT * 3)
    left = iter([60.0, 60.0, 51.0, 49.9] + [49.0] * 30)
    assert keeper(store, Remembering()).run(lambda: next(left))["searched"] == LOOKED_AT * 2
    assert store.report["after"] == str(LOOKED_AT * 2)
    keeper(store, Remembering()).run(lambda: 60)
    assert store.looked[2:] == [str(LOOKED_AT * 2), str(LOOKED_AT * 3)]


def test_lost_workflows_are_urgent_until_they_are_found() -> None:
    """Named in the log, told in the same pass and to whoever asks, looked for in the same place again, and gone once mended (I2)."""
    store, telemetry = (
        Store(0, live=LOOKED_AT + 5, lost=frozenset({3, LOOKED_AT + 1})),
        Remembering(),
    )
    done = keeper(store, telemetry).run(lambda: 60)
    assert done["reasons"] == [
        "lost_workflows: 2 live workflows have no task that would wake them (I2)."
    ]
    assert ("workflows_lost", {"instances": ["w3", f"w{LOOKED_AT + 1}"]}) in telemetry.lines
    assert ("HealthChecksFailed", 1) in telemetry.metrics
    assert checker(store).run().status == "degraded"
    store.lost = frozenset()
    assert keeper(store, Remembering()).run(lambda: 60)["health"] == "ok"
    assert checker(store).run().status == "ok"


def test_what_failed_is_told_until_it_has_worked() -> None:
    """Retention that cannot work is nothing that anybody would notice otherwise."""

    def away() -> int:
        raise StoreUnavailable

    store = Store(0, locks=away)
    with pytest.raises(StoreUnavailable):
        keeper(store, Remembering()).run(lambda: 60)
    assert [found.name for found in checker(store).run().checks if not found.ok] == [
        "last_maintenance"
    ]
    store.delete_expired_locks = lambda: 0
    keeper(store, Remembering()).run(lambda: 60)
    assert checker(store).run().status == "ok"
