"""The health check says what is wrong, and never falls over because something is."""

from __future__ import annotations

from typing import Any

import pytest

from flamebot.adapters.clock.system import SystemClock
from flamebot.domain.errors import StoreUnavailable
from flamebot.services.check_health import CheckHealth, judge
from tests.gateway import Remembering

WELL: dict[str, Any] = {
    "read_only": False,
    "paused": False,
    "last_tick_age_seconds": 61.5,
    "oldest_due_age_seconds": 0,
    "due_backlog": 0,
    "queued": 3,
    "running": 1,
    "lost_messages": 0,
    "expired_leases": 0,
}


class Store:
    """A store that knows these figures, or is away."""

    def __init__(self, facts: dict[str, Any] | None) -> None:
        self._facts = facts

    def health(self) -> dict[str, Any]:
        if self._facts is None:
            raise StoreUnavailable
        return self._facts


def check(facts: dict[str, Any] | None, **probes: Any) -> Any:
    """A report over these figures."""
    return CheckHealth(store=Store(facts), max_concurrent_tasks=10, clock=SystemClock(), telemetry=Remembering(), probes=probes).run()


def ill(**facts: Any) -> set[str]:
    """The names of the checks that fail over these figures."""
    return {found.name for found in judge(WELL | facts, places=10, rate=1.0) if not found.ok}


def test_all_is_well() -> None:
    """Every check has a name, and says how it is."""
    report = check(WELL, queue=lambda: None)
    assert report.status == "ok"
    assert [found.name for found in report.checks] == [
        "database",
        "last_tick",
        "oldest_due",
        "expired_leases",
        "enough_concurrency",
        "queue",
    ]
    assert all(found.detail for found in report.checks)


@pytest.mark.parametrize(
    ("facts", "names"),
    [
        ({"last_tick_age_seconds": None}, {"last_tick"}),
        ({"last_tick_age_seconds": 180}, {"last_tick"}),
        ({"last_tick_age_seconds": 179}, set()),
        ({"oldest_due_age_seconds": 300}, {"oldest_due"}),
        ({"expired_leases": 15, "lost_messages": 6}, {"expired_leases"}),
        ({"due_backlog": 600}, set()),
        ({"due_backlog": 601}, {"enough_concurrency"}),
        ({"due_backlog": 601, "oldest_due_age_seconds": 9999, "paused": True}, set()),
    ],
)
def test_each_figure_has_a_limit(facts: dict[str, Any], names: set[str]) -> None:
    """Beyond it the check of that name fails, and no other; a global pause excuses what waits."""
    assert ill(**facts) == names


def test_an_accelerated_clock_is_counted_out() -> None:
    """At 60 engine seconds a second, 300 engine seconds are five real ones."""
    assert all(found.ok for found in judge(WELL | {"oldest_due_age_seconds": 300}, places=10, rate=60.0))


def test_too_few_places_are_called_so() -> None:
    """The reason says which limit to raise."""
    report = check(WELL | {"due_backlog": 5000})
    assert report.status == "degraded"
    assert report.reasons == ["enough_concurrency: 5000 tasks are due and wait for 10 places. Raise MAX_CONCURRENT_TASKS."]


def test_a_database_that_is_away_is_a_finding() -> None:
    """Figures are not invented; the probes are asked all the same."""
    report = check(None, queue=lambda: None)
    assert [(found.name, found.ok) for found in report.checks] == [("database", False), ("queue", True)]


def test_a_replica_is_no_database() -> None:
    """After a failover the old one can be read and not written."""
    assert not check(WELL | {"read_only": True}).checks[0].ok


def test_a_probe_that_raises_tells_no_more_than_its_kind() -> None:
    """An address or a token in the message stays where it is."""

    def probe() -> None:
        raise ConnectionError("https://user:hunter2@queue")

    report = check(WELL, queue=probe)
    assert report.reasons == ["queue: It does not answer (ConnectionError)."]
