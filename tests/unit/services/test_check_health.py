"""The health check reports every failure and never fails because of one."""

from __future__ import annotations

import threading
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from flamebot.adapters.clock.system import SystemClock
from flamebot.domain.errors import StoreUnavailable
from flamebot.services.maintenance.health import CheckHealth, HealthReport
from flamebot.services.maintenance.health_limits import Limits, evaluate
from flamebot.services.maintenance.probes import (
    ProbeTimeout,
    ProbeWarning,
    RunWithTimeout,
    run_in_sequence,
)
from tests.support.gateway import Remembering

WELL = {"answered": 7, "refused": 0, "throttled": 0, "denied": 0, "unknown": 0}


def a_service(name: str = "actions_service", **fields: Any) -> dict[str, Any]:
    """Return a service as `service_state` does, by default one that is well."""
    return {
        "name": name,
        "state": "closed",
        "since": "2030-01-01T12:00:00+00:00",
        "reason": None,
        "changed_by": None,
        "is_manual": False,
        "per_second": None,
        "next_probe_at": None,
        "last_failure": None,
        "calls": WELL,
        "held_back": 0,
        **fields,
    }


HEALTHY: dict[str, Any] = {
    "read_only": False,
    "paused": False,
    "paused_seconds": 0,
    "last_tick_age_seconds": 61.5,
    "last_maintenance_age_seconds": 299,
    "last_maintenance": {},
    "oldest_due_age_seconds": 0,
    "oldest_cancel_age_seconds": 0,
    "oldest_running_age_seconds": 0,
    "oldest_expired_age_seconds": 0,
    "due_backlog": 0,
    "queued": 3,
    "running": 1,
    "undelivered_messages": 0,
    "expired_leases": 0,
    "history_ready": True,
    "oldest_transaction_age_seconds": 0.1,
    "failing": None,
    "services": [a_service("actions_service"), a_service("ai_service")],
}
PERIOD = timedelta(minutes=5)
LIMITS = Limits(max_concurrent_tasks=10, maintenance_period=PERIOD, rate=1.0)
FAST = Limits(max_concurrent_tasks=10, maintenance_period=PERIOD, rate=60.0)


class Store:
    """A store that returns these figures, or is unreachable without any."""

    def __init__(self, facts: dict[str, Any] | None) -> None:
        self.facts = facts

    def engine_health(self) -> dict[str, Any]:
        """Return the database's figures."""
        if self.facts is None:
            raise StoreUnavailable
        return self.facts


def checker(
    store: Any,
    telemetry: Remembering | None = None,
    *,
    run_probes: Any = run_in_sequence,
    **probes: Any,
) -> CheckHealth:
    """Return the health check of a store."""
    return CheckHealth(
        store=store,
        max_concurrent_tasks=10,
        maintenance_period=PERIOD,
        clock=SystemClock(),
        telemetry=telemetry or Remembering(),
        probes=probes,
        run_probes=run_probes,
    )


def check(facts: dict[str, Any] | None, **probes: Any) -> HealthReport:
    """Return the report on these figures."""
    return checker(Store(facts), **probes).run()


def failed(limits: Limits = LIMITS, **facts: Any) -> set[str]:
    """Return the names of the checks that fail with these figures."""
    return {found.name for found in evaluate(HEALTHY | facts, limits) if not found.ok}


def test_a_healthy_engine() -> None:
    """Every check is ok and has a name and a detail."""
    report = check(HEALTHY, queue=lambda: None)
    assert (report.status, report.urgent, report.reasons, report.writable) == ("ok", [], [], True)
    assert [found.name for found in report.checks] == [
        "database",
        "last_tick",
        "oldest_due",
        "expired_leases",
        "stuck_tasks",
        "orphaned_workflows",
        "enough_concurrency",
        "actions_service",
        "ai_service",
        "failing_workflows",
        "last_maintenance",
        "history",
        "transactions",
        "queue",
    ]
    details = {found.name: found.detail for found in report.checks}
    assert (details["database"], details["queue"]) == ("reachable and writable", "reachable")
    assert details["oldest_due"] == "No task is due."


@pytest.mark.parametrize(
    ("facts", "names"),
    [
        ({"last_tick_age_seconds": None}, {"last_tick"}),
        ({"last_tick_age_seconds": 180}, {"last_tick"}),
        ({"last_tick_age_seconds": 179}, set()),
        ({"oldest_due_age_seconds": 300}, {"oldest_due"}),
        ({"oldest_due_age_seconds": 299}, set()),
        (
            {"expired_leases": 15, "undelivered_messages": 6, "oldest_expired_age_seconds": 5},
            {"expired_leases"},
        ),
        (
            {"expired_leases": 15, "undelivered_messages": 5, "oldest_expired_age_seconds": 179},
            set(),
        ),
        ({"expired_leases": 1, "oldest_expired_age_seconds": 180}, {"expired_leases"}),
        ({"oldest_running_age_seconds": 300}, {"stuck_tasks"}),
        ({"oldest_running_age_seconds": 299}, set()),
        ({"last_maintenance": {"orphaned_workflows": 1}}, {"orphaned_workflows"}),
        ({"due_backlog": 600}, set()),
        ({"due_backlog": 601}, {"enough_concurrency"}),
        ({"due_backlog": 601, "oldest_due_age_seconds": 9999, "paused": True}, set()),
        ({"oldest_cancel_age_seconds": 300, "paused": True, "paused_seconds": 301}, {"oldest_due"}),
        ({"last_maintenance_age_seconds": 659}, set()),
        ({"last_maintenance_age_seconds": 660}, {"last_maintenance"}),
        ({"last_maintenance": {"failed": ["history"]}}, {"last_maintenance"}),
        ({"history_ready": False}, {"history"}),
        ({"oldest_transaction_age_seconds": 300}, {"transactions"}),
    ],
)
def test_each_figure_has_a_limit(facts: dict[str, Any], names: set[str]) -> None:
    """Beyond its limit the check of that name fails, and no other.

    Under a global pause only cancels count: all other tasks may wait.
    """
    assert failed(**facts) == names


def test_ages_are_converted_to_wall_time() -> None:
    """Ages in schedule time are compared as wall time: 300 schedule seconds are five at rate 60."""
    fresh = {"last_tick_age_seconds": 1, "last_maintenance_age_seconds": 5}
    assert (
        failed(FAST, **fresh, oldest_due_age_seconds=17_999, oldest_running_age_seconds=17_999)
        == set()
    )
    late = failed(FAST, **fresh, oldest_due_age_seconds=18_000, oldest_running_age_seconds=18_000)
    assert late == {"oldest_due", "stuck_tasks"}


def test_an_accelerated_clock_ticks_more_often() -> None:
    """On a fast clock a tick is overdue sooner, but never before 30 wall-clock seconds."""
    assert (
        failed(
            FAST,
            last_tick_age_seconds=29,
            oldest_expired_age_seconds=29,
            last_maintenance_age_seconds=69,
        )
        == set()
    )
    late = failed(
        FAST,
        last_tick_age_seconds=30,
        oldest_expired_age_seconds=30,
        last_maintenance_age_seconds=70,
    )
    assert late == {"last_tick", "expired_leases", "last_maintenance"}


def test_a_global_pause_is_reported_and_fails_no_check() -> None:
    """The details say for how long the engine has been paused."""
    checks = {
        found.name: found
        for found in evaluate(
            HEALTHY | {"paused": True, "paused_seconds": 7200, "due_backlog": 9}, LIMITS
        )
    }
    assert checks["oldest_due"].detail == "No cancel is due. Paused globally for 7200 s."
    assert checks["enough_concurrency"].detail.endswith(" Paused globally for 7200 s.")
    assert all(found.ok for found in checks.values())


@pytest.mark.parametrize(
    ("age", "resumed", "paused", "ok"),
    [
        (7200, 0, 7200, True),  # fell due as the pause began, and the pause has just ended
        (7499, 299, 7200, True),
        (7500 + 3599, 299 + 3600, 7200, True),  # the grace is at most an hour
        (7500 + 3600, 300 + 3600, 7200, False),
        (7200 + 3900, 0, 7200, False),  # had been waiting for longer than that before the pause
        (360, 300, 60, True),  # a minute of grace after a minute's pause
        (419, 359, 60, True),
        (420, 360, 60, False),
        (359, 359, 60, True),  # fell due as the pause ended, behind its work
        (360, 1000, 60, False),  # fell due long after the pause
        (1000, 5, 1, False),  # a pause of a second hides nothing
        (299, 10_000, 7200, True),
        (300, 10_000, 7200, False),
    ],
)
def test_after_a_global_pause_its_work_may_be_late(
    age: float, resumed: float, paused: float, ok: bool
) -> None:
    """Time in the pause is no waiting, and the limit grows by the pause's length for as long."""
    figures: dict[str, Any] = {
        "oldest_due_age_seconds": age,
        "resumed_age_seconds": resumed,
        "resumed_after_seconds": paused,
    }
    assert ("oldest_due" not in failed(**figures)) == ok
    fast: dict[str, Any] = {name: seconds * 60 for name, seconds in figures.items()}
    fresh: dict[str, Any] = {"last_tick_age_seconds": 1, "last_maintenance_age_seconds": 5}
    assert ("oldest_due" not in failed(FAST, **fresh, **fast)) == ok


def test_after_a_global_pause_the_next_tick_sends_its_messages_again() -> None:
    """Leases of messages that expired in the pause fail no check until a tick was due."""
    expired: dict[str, Any] = {"undelivered_messages": 500, "oldest_expired_age_seconds": 7000}
    pause: dict[str, Any] = {"resumed_after_seconds": 7200}
    assert failed(**expired, **pause, resumed_age_seconds=179) == set()
    assert failed(**expired, **pause, resumed_age_seconds=180) == {"expired_leases"}
    assert failed(**expired, **pause, resumed_age_seconds=5, paused=True) == {"expired_leases"}


def test_after_a_global_pause_no_more_concurrency_is_advised() -> None:
    """Many due tasks are the work of the pause, and the detail says so."""
    figures = {"due_backlog": 5000, "resumed_age_seconds": 10, "resumed_after_seconds": 7200}
    (found,) = (
        found for found in evaluate(HEALTHY | figures, LIMITS) if found.name == "enough_concurrency"
    )
    assert found.ok
    assert found.detail == (
        "5000 tasks are due; 10 can run at once. A global pause of 7200 s ended 10 s ago."
    )


def test_the_oldest_due_task_is_reported_with_its_age() -> None:
    """The detail is a sentence that can be read alone."""
    checks = {
        found.name: found.detail
        for found in evaluate(HEALTHY | {"oldest_due_age_seconds": 10}, LIMITS)
    }
    assert checks["oldest_due"] == "Oldest due task has been waiting for 10 s."


def test_checks_that_stop_no_workflow_are_not_urgent() -> None:
    """A failed check of this kind makes the report degraded and is not in its urgent list."""
    facts = {
        "due_backlog": 601,
        "history_ready": False,
        "oldest_transaction_age_seconds": 9999,
        "last_maintenance_age_seconds": 9999,
    }
    report = check(HEALTHY | facts)
    assert (report.status, len(report.reasons), report.urgent) == ("degraded", 4, [])
    assert [
        found.name for found in check(HEALTHY | facts | {"last_tick_age_seconds": None}).urgent
    ] == ["last_tick"]


def test_too_little_concurrency_is_reported() -> None:
    """The reason names the setting to raise."""
    report = check(HEALTHY | {"due_backlog": 5000})
    assert report.status == "degraded"
    assert report.reasons == [
        "enough_concurrency: 5000 tasks are due; 10 can run at once. Raise MAX_CONCURRENT_TASKS."
    ]


def test_an_unreachable_database_is_a_failed_check() -> None:
    """Without figures there are no checks of them; the probes run all the same."""
    report = check(None, queue=lambda: None)
    assert [(found.name, found.ok) for found in report.checks] == [
        ("database", False),
        ("queue", True),
    ]
    assert (report.writable, report.facts) == (False, {})


def test_a_read_only_database_is_a_failed_check() -> None:
    """After a failover the connection may lead to a replica, which refuses writes."""
    report = check(HEALTHY | {"read_only": True})
    assert [found.name for found in report.urgent] == ["database"]
    assert not report.writable


def test_a_failed_probe_shows_only_the_type_of_its_error() -> None:
    """An error's message may hold an address or a token, so it is not shown."""

    def probe() -> None:
        raise ConnectionError("https://user:hunter2@queue")

    report = check(HEALTHY, queue=probe)
    assert report.reasons == ["queue: unreachable (ConnectionError)"]
    assert [found.name for found in report.urgent] == ["queue"]


def test_a_failed_store_shows_only_the_type_of_its_error() -> None:
    """Any error of the store becomes a failed check: the report is needed most when parts fail."""

    class Broken:
        def engine_health(self) -> dict[str, Any]:
            raise RuntimeError("postgresql://user:hunter2@host")

    assert checker(Broken()).run().reasons == ["database: unreachable (RuntimeError)"]


def test_a_probe_may_warn() -> None:
    """A warning of a reachable dependency fails its check and is not urgent."""

    def probe() -> None:
        raise ProbeWarning("3 messages.")

    report = check(HEALTHY, dead_letters=probe)
    assert (report.reasons, report.urgent) == (["dead_letters: 3 messages."], [])


def test_a_probe_that_hangs_delays_the_report_by_the_timeout_at_most() -> None:
    """Its check fails, it is not started again while it hangs, and it counts again afterwards."""
    let_go, started = Event(), []

    class Hanging(Store):
        def engine_health(self) -> dict[str, Any]:
            started.append(1)
            let_go.wait(30)
            return super().engine_health()

    clock = SystemClock()
    health = checker(Hanging(HEALTHY), run_probes=RunWithTimeout(0.2, clock), queue=lambda: None)
    began = clock.monotonic()
    first, second = health.run(), health.run()
    assert clock.monotonic() - began < 5
    assert first.reasons == second.reasons == ["database: no response within the timeout"]
    assert [found.name for found in first.checks] == ["database", "queue"]
    assert len(started) == 1
    let_go.set()
    wait_for_threads(clock)
    assert health.run().status == "ok"


def test_a_result_that_came_after_the_timeout_is_dropped() -> None:
    """The next report runs the probe again, because its result may have changed."""
    let_go, values, clock = Event(), iter([1, 2]), SystemClock()

    def probe() -> int:
        let_go.wait(30)
        return next(values)

    run = RunWithTimeout(0.2, clock)
    assert isinstance(run({"x": probe})["x"].error, ProbeTimeout)
    let_go.set()
    wait_for_threads(clock)
    assert run({"x": probe})["x"].value == 2


def wait_for_threads(clock: SystemClock) -> None:
    """Wait until every probe has ended."""
    deadline = clock.monotonic() + 10
    while any(thread.name == "health" for thread in threading.enumerate()):
        assert clock.monotonic() < deadline
        clock.sleep(0.01)
