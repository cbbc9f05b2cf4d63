"""A maintenance pass does what its time allows, in small batches, and its parts are independent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from flamebot.adapters.clock.system import SystemClock
from flamebot.domain.errors import StoreUnavailable
from flamebot.services.maintenance.run import DELETE_BATCH, SEARCH_BATCH, RunMaintenance
from tests.support.gateway import Remembering
from tests.unit.services.test_check_health import HEALTHY, checker


class Store:
    """Finished tasks to delete and live workflows to search, in memory."""

    def __init__(
        self,
        finished: int,
        *,
        locks: Callable[[], int] = lambda: 2,
        live: int = 0,
        orphaned: frozenset[int] = frozenset(),
    ) -> None:
        self.finished = finished
        self.live = live
        self.orphaned = orphaned
        self.read_only = False
        self.calls: list[str] = []
        self.searched: list[str] = []
        self.report: dict[str, Any] = {}
        self.delete_expired_locks = locks

    def engine_health(self) -> dict[str, Any]:
        facts = {
            "due_backlog": 7,
            "oldest_due_age_seconds": 4.5,
            "last_maintenance": self.report,
            "read_only": self.read_only,
        }
        return HEALTHY | facts

    def delete_finished_tasks(self, older_than: timedelta, limit: int) -> int:
        self.calls.append("tasks")
        batch = min(self.finished, limit)
        self.finished -= batch
        return batch

    def delete_old_requests(self) -> int:
        self.calls.append("requests")
        return 0

    def delete_old_calls(self) -> int:
        self.calls.append("calls")
        return 0

    def maintain_history(self, keep: timedelta) -> dict[str, Any]:
        self.calls.append("history")
        return {"created": [], "dropped": []}

    def find_orphaned_workflows(self, after: str, limit: int) -> dict[str, Any]:
        self.searched.append(after)
        begin = int(after or 0)
        batch = range(begin + 1, min(begin + limit, self.live) + 1)
        last = str(batch[-1]) if len(batch) == limit else None
        ids = [f"w{n}" for n in batch if n in self.orphaned]
        return {"checked": len(batch), "last": last, "orphaned": len(ids), "ids": ids}

    def record_maintenance(self, report: dict[str, Any]) -> None:
        self.report = report


def maintenance(store: Store, telemetry: Remembering) -> RunMaintenance:
    """Return the maintenance pass of a store."""
    return RunMaintenance(
        store=store,
        checks=checker(store, telemetry),
        task_retention=timedelta(days=7),
        history_retention=timedelta(days=90),
        clock=SystemClock(),
        telemetry=telemetry,
    )


def test_retention_deletes_until_nothing_is_left() -> None:
    """Finished tasks are deleted batch by batch until a batch is not full."""
    store, telemetry = Store(DELETE_BATCH * 2 + 5), Remembering()
    done = maintenance(store, telemetry).run(lambda: 60)
    assert (store.finished, done["tasks"], done["locks"]) == (0, DELETE_BATCH * 2 + 5, 2)
    assert store.calls.count("tasks") == 3
    assert (done["health"], done["reasons"]) == ("ok", [])


def test_gauges_come_with_every_pass() -> None:
    """Backlog and age are emitted even if there is nothing to do."""
    telemetry = Remembering()
    maintenance(Store(0), telemetry).run(lambda: 60)
    assert telemetry.metrics == [
        ("OldestDueAge", 4.5),
        ("DueBacklog", 7.0),
        ("HealthChecksFailed", 0),
    ]


def test_it_stops_when_time_is_short() -> None:
    """A pass with little time left deletes no further batch; the next pass continues."""
    left = iter([60.0] * 9 + [4.0] * 10)
    store = Store(DELETE_BATCH * 10)
    done = maintenance(store, Remembering()).run(lambda: next(left))
    assert 0 < store.finished < DELETE_BATCH * 10
    assert done["tasks"] == DELETE_BATCH * 10 - store.finished


def test_one_part_failing_stops_no_other() -> None:
    """Every part is tried; then the first error is raised, for the alarm on failed invocations."""

    def unreachable() -> int:
        raise StoreUnavailable

    store, telemetry = Store(3, locks=unreachable), Remembering()
    with pytest.raises(StoreUnavailable):
        maintenance(store, telemetry).run(lambda: 60)
    assert store.calls == ["history", "requests", "calls", "tasks"]
    assert (
        "maintenance_part_failed",
        {"part": "locks", "code": "database_unavailable", "detail": StoreUnavailable.__doc__},
    ) in telemetry.lines


def test_a_read_only_database_is_reported_and_not_written() -> None:
    """No part is tried and nothing is recorded; metric and log line come before the error."""
    store, telemetry = Store(3), Remembering()
    store.read_only = True
    with pytest.raises(StoreUnavailable):
        maintenance(store, telemetry).run(lambda: 60)
    assert (store.calls, store.searched, store.report) == ([], [], {})
    assert ("HealthChecksFailed", 1) in telemetry.metrics
    assert [
        fields["health"] for event, fields in telemetry.lines if event == "maintenance_done"
    ] == ["degraded"]


def test_every_live_workflow_is_searched() -> None:
    """The search goes batch by batch to the end; the next pass begins at the beginning."""
    store = Store(0, live=SEARCH_BATCH * 2 + 1)
    done = maintenance(store, Remembering()).run(lambda: 60)
    assert (done["searched"], done["health"]) == (SEARCH_BATCH * 2 + 1, "ok")
    assert store.searched == ["", str(SEARCH_BATCH), str(SEARCH_BATCH * 2)]
    assert store.report == {"after": "", "orphaned_workflows": 0, "failed": []}


def test_the_search_continues_where_it_stopped() -> None:
    """A pass searches for ten seconds at most, and the next one continues (I2)."""
    store = Store(0, live=SEARCH_BATCH * 3)
    left = iter([60.0, 60.0, 51.0, 49.9] + [49.0] * 30)
    assert maintenance(store, Remembering()).run(lambda: next(left))["searched"] == SEARCH_BATCH * 2
    assert store.report["after"] == str(SEARCH_BATCH * 2)
    maintenance(store, Remembering()).run(lambda: 60)
    assert store.searched[2:] == [str(SEARCH_BATCH * 2), str(SEARCH_BATCH * 3)]


def test_orphaned_workflows_fail_an_urgent_check_until_they_are_repaired() -> None:
    """They are logged, reported by the same pass and by the API, and searched for again (I2)."""
    store, telemetry = (
        Store(0, live=SEARCH_BATCH + 5, orphaned=frozenset({3, SEARCH_BATCH + 1})),
        Remembering(),
    )
    done = maintenance(store, telemetry).run(lambda: 60)
    assert done["reasons"] == [
        "orphaned_workflows: 2 live workflows have no live task and would never continue (I2)."
    ]
    assert ("orphaned_workflows", {"instances": ["w3", f"w{SEARCH_BATCH + 1}"]}) in telemetry.lines
    assert ("HealthChecksFailed", 1) in telemetry.metrics
    assert checker(store).run().status == "degraded"
    store.orphaned = frozenset()
    assert maintenance(store, Remembering()).run(lambda: 60)["health"] == "ok"
    assert checker(store).run().status == "ok"


def test_a_part_that_failed_is_reported_until_it_succeeds() -> None:
    """The check of the last pass fails as long as a part of it failed."""

    def unreachable() -> int:
        raise StoreUnavailable

    store = Store(0, locks=unreachable)
    with pytest.raises(StoreUnavailable):
        maintenance(store, Remembering()).run(lambda: 60)
    assert [found.name for found in checker(store).run().checks if not found.ok] == [
        "last_maintenance"
    ]
    store.delete_expired_locks = lambda: 0
    maintenance(store, Remembering()).run(lambda: 60)
    assert checker(store).run().status == "ok"
