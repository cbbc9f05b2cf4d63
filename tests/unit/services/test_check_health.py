"""The health check says what is wrong, and never falls over because something is."""

from __future__ import annotations

import threading
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from flamebot.adapters.clock.system import SystemClock
from flamebot.domain.errors import StoreUnavailable
from flamebot.services.maintenance.health import CheckHealth, HealthReport, Worrying
from flamebot.services.maintenance.health_limits import Limits, judge
from flamebot.services.maintenance.probes import AskInTime, NoAnswerInTime, ask_in_turn
from tests.support.gateway import Remembering

WELL: dict[str, Any] = {
    "read_only": False,
    "paused": False,
    "paused_seconds": 0,
    "last_tick_age_seconds": 61.5,
    "last_maintenance_age_seconds": 299,
    "last_maintenance": {},
    "oldest_due_age_seconds": 0,
    "oldest_cancel_age_seconds": 0,
    "oldest_running_age_seconds": 0,
    "oldest_lost_age_seconds": 0,
    "due_backlog": 0,
    "queued": 3,
    "running": 1,
    "lost_messages": 0,
    "expired_leases": 0,
    "history_ready": True,
    "oldest_transaction_age_seconds": 0.1,
}
PERIOD = timedelta(minutes=5)
LIMITS = Limits(places=10, maintenance_period=PERIOD, rate=1.0)
FAST = Limits(places=10, maintenance_period=PERIOD, rate=60.0)


class Store:
    """A store that knows these figures, or is away."""

    def __init__(self, facts: dict[str, Any] | None) -> None:
        self.facts = facts

    def health(self) -> dict[str, Any]:
        """What it knows."""
        if self.facts is None:
            raise StoreUnavailable
        return self.facts


def checker(
    store: Any, telemetry: Remembering | None = None, *, ask: Any = ask_in_turn, **probes: Any
) -> CheckHealth:
    """The health check over a store."""
    return CheckHealth(
        store=store,
        max_concurrent_tasks=10,
        maintenance_period=PERIOD,
        clock=SystemClock(),
        telemetry=telemetry or Remembering(),
        probes=probes,
        ask=ask,
    )


def check(facts: dict[str, Any] | None, **probes: Any) -> HealthReport:
    """A report over these figures."""
    return checker(Store(facts), **probes).run()


def ill(limits: Limits = LIMITS, **facts: Any) -> set[str]:
    """The names of the checks that fail over these figures."""
    return {found.name for found in judge(WELL | facts, limits) if not found.ok}


def test_all_is_well() -> None:
    """Every check has a name, and says how it is."""
    report = check(WELL, queue=lambda: None)
    assert (report.status, report.urgent, report.reasons, report.writable) == ("ok", [], [], True)
    assert [found.name for found in report.checks] == [
        "database",
        "last_tick",
        "oldest_due",
        "expired_leases",
        "stuck_tasks",
        "lost_workflows",
        "enough_concurrency",
        "last_maintenance",
        "history",
        "transactions",
        "queue",
    ]
    assert all(found.detail.endswith(".") for found in report.checks)


@pytest.mark.parametrize(
    ("facts", "names"),
    [
        ({"last_tick_age_seconds": None}, {"last_tick"}),
        ({"last_tick_age_seconds": 180}, {"last_tick"}),
        ({"last_tick_age_seconds": 179}, set()),
        ({"oldest_due_age_seconds": 300}, {"oldest_due"}),
        ({"oldest_due_age_seconds": 299}, set()),
        (
            {"expired_leases": 15, "lost_messages": 6, "oldest_lost_age_seconds": 5},
            {"expired_leases"},
        ),
        ({"expired_leases": 15, "lost_messages": 5, "oldest_lost_age_seconds": 179}, set()),
        ({"expired_leases": 1, "oldest_lost_age_seconds": 180}, {"expired_leases"}),
        ({"oldest_running_age_seconds": 300}, {"stuck_tasks"}),
        ({"oldest_running_age_seconds": 299}, set()),
        ({"last_maintenance": {"lost_workflows": 1}}, {"lost_workflows"}),
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
    """Beyond it the check of that name fails, and no other; a global pause excuses what waits, but for cancels, which it does not hold."""
    assert ill(**facts) == names


def test_an_accelerated_clock_is_counted_out() -> None:
    """At 60 engine seconds a second, 300 engine seconds are five real ones: what is late is late in wall time."""
    fresh = {"last_tick_age_seconds": 1, "last_maintenance_age_seconds": 5}
    assert (
        ill(FAST, **fresh, oldest_due_age_seconds=17_999, oldest_running_age_seconds=17_999)
        == set()
    )
    late = ill(FAST, **fresh, oldest_due_age_seconds=18_000, oldest_running_age_seconds=18_000)
    assert late == {"oldest_due", "stuck_tasks"}


def test_an_accelerated_clock_ticks_more_often() -> None:
    """A tick of a fast clock is missed sooner, but not before one could have been late for want of a processor."""
    assert (
        ill(
            FAST,
            last_tick_age_seconds=29,
            oldest_lost_age_seconds=29,
            last_maintenance_age_seconds=69,
        )
        == set()
    )
    late = ill(
        FAST, last_tick_age_seconds=30, oldest_lost_age_seconds=30, last_maintenance_age_seconds=70
    )
    assert late == {"last_tick", "expired_leases", "last_maintenance"}


def test_a_global_pause_is_told_and_is_no_illness() -> None:
    """Whoever forgot it finds it in the answer."""
    told = {
        found.name: found
        for found in judge(
            WELL | {"paused": True, "paused_seconds": 7200, "due_backlog": 9}, LIMITS
        )
    }
    assert (
        told["oldest_due"].detail
        == "Nothing waits that may run. Everything is paused since 7200 s."
    )
    assert all(found.ok for found in told.values())


def test_what_can_wait_until_the_morning_is_not_urgent() -> None:
    """Advice fails its check, and does not say that workflows stand still."""
    facts = {
        "due_backlog": 601,
        "history_ready": False,
        "oldest_transaction_age_seconds": 9999,
        "last_maintenance_age_seconds": 9999,
    }
    report = check(WELL | facts)
    assert (report.status, len(report.reasons), report.urgent) == ("degraded", 4, [])
    assert [
        found.name for found in check(WELL | facts | {"last_tick_age_seconds": None}).urgent
    ] == ["last_tick"]


def test_too_few_places_are_called_so() -> None:
    """The reason says which limit to raise."""
    report = check(WELL | {"due_backlog": 5000})
    assert report.status == "degraded"
    assert report.reasons == [
        "enough_concurrency: 5000 tasks are due and wait for 10 places. Raise MAX_CONCURRENT_TASKS."
    ]


def test_a_database_that_is_away_is_a_finding() -> None:
    """Figures are not invented; the probes are asked all the same."""
    report = check(None, queue=lambda: None)
    assert [(found.name, found.ok) for found in report.checks] == [
        ("database", False),
        ("queue", True),
    ]
    assert (report.writable, report.facts) == (False, {})


def test_a_replica_is_no_database() -> None:
    """After a failover the old one can be read and not written."""
    report = check(WELL | {"read_only": True})
    assert [found.name for found in report.urgent] == ["database"]
    assert not report.writable


def test_a_probe_that_raises_tells_no_more_than_its_kind() -> None:
    """An address or a token in the message stays where it is."""

    def probe() -> None:
        raise ConnectionError("https://user:hunter2@queue")

    report = check(WELL, queue=probe)
    assert report.reasons == ["queue: It does not answer (ConnectionError)."]
    assert [found.name for found in report.urgent] == ["queue"]


def test_a_store_that_fails_tells_no_more_than_its_kind() -> None:
    """Whatever it raises, the report is made: this is the answer that is asked for when things are broken."""

    class Broken:
        def health(self) -> dict[str, Any]:
            raise RuntimeError("postgresql://user:hunter2@host")

    assert checker(Broken()).run().reasons == ["database: It does not answer (RuntimeError)."]


def test_a_neighbour_may_answer_and_be_worrying() -> None:
    """Dead letters are somebody's work, and no reason to say that workflows stand still."""

    def probe() -> None:
        raise Worrying("3 messages.")

    report = check(WELL, dead_letters=probe)
    assert (report.reasons, report.urgent) == (["dead_letters: 3 messages."], [])


def test_what_hangs_is_not_waited_for() -> None:
    """The answer comes in time, names what hangs, asks it no second time meanwhile, and believes it again once it has answered."""
    let_go, asked = Event(), []

    class Hanging(Store):
        def health(self) -> dict[str, Any]:
            asked.append(1)
            let_go.wait(30)
            return super().health()

    clock = SystemClock()
    health = checker(Hanging(WELL), ask=AskInTime(0.2, clock), queue=lambda: None)
    began = clock.monotonic()
    first, second = health.run(), health.run()
    assert clock.monotonic() - began < 5
    assert first.reasons == second.reasons == ["database: It does not answer in time."]
    assert [found.name for found in first.checks] == ["database", "queue"]
    assert len(asked) == 1
    let_go.set()
    wait_for_threads(clock)
    assert health.run().status == "ok"


def test_an_answer_that_came_too_late_is_not_kept() -> None:
    """What nobody waited for any more is asked anew, for it may have changed."""
    let_go, answers, clock = Event(), iter([1, 2]), SystemClock()

    def question() -> int:
        let_go.wait(30)
        return next(answers)

    ask = AskInTime(0.2, clock)
    assert isinstance(ask({"x": question})["x"].error, NoAnswerInTime)
    let_go.set()
    wait_for_threads(clock)
    assert ask({"x": question})["x"].value == 2


def wait_for_threads(clock: SystemClock) -> None:
    """Until every question has its answer."""
    give_up = clock.monotonic() + 10
    while any(thread.name == "health" for thread in threading.enumerate()):
        assert clock.monotonic() < give_up
        clock.sleep(0.01)
