"""service_record says whether a service was well while it left one task without a response."""

from __future__ import annotations

from datetime import datetime

from flamebot.domain.service_call import Service
from tests.support.builders import NOON, after
from tests.support.databases import TestDatabase
from tests.support.services import half_opened, opened, record

FAILED = after(seconds=2)


def seen(database: TestDatabase, *, since: datetime = FAILED, now: datetime) -> str:
    """Call service_record for the actions service."""
    return str(database.value("select service_record('actions_service', %s, %s)", (since, now)))


def test_a_service_that_answered_others_is_well(database: TestDatabase) -> None:
    """One answer since the failure is enough, and a refusal is one."""
    record(database, now=after(seconds=30), refused=1)
    assert seen(database, now=after(minutes=1)) == "answered"


def test_no_other_task_called(database: TestDatabase) -> None:
    """Nothing is known of the service, whatever it answered before, or another service did."""
    record(database, now=after(seconds=1), answered=9)
    record(database, now=after(seconds=30), answered=9, name=Service.AI)
    assert seen(database, now=after(minutes=1)) == "silent"


def test_what_the_failure_shares_a_count_with_proves_nothing(database: TestDatabase) -> None:
    """The five seconds of the failure itself hold answers from before an outage began."""
    record(database, now=NOON, answered=9)
    record(database, now=after(seconds=4), unknown=1)
    assert seen(database, now=after(minutes=1)) == "silent"


def test_a_fifth_of_the_calls_without_a_response_is_sick(database: TestDatabase) -> None:
    """Four answers and one failure of others; five answers are enough."""
    record(database, now=after(seconds=30), answered=4, unknown=1)
    assert seen(database, now=after(minutes=1)) == "sick"
    record(database, now=after(seconds=40), answered=1)
    assert seen(database, now=after(minutes=1)) == "answered"


def test_a_breaker_that_was_open_meanwhile_is_sick(database: TestDatabase) -> None:
    """Also when it is half open, or was closed since."""
    opened(database, now=after(seconds=10))
    assert seen(database, now=after(seconds=11)) == "sick"
    record(database, now=after(seconds=20), answered=100)
    assert seen(database, now=after(seconds=31)) == "sick"
    database.rows(
        "select change_breaker('actions_service', 'closed', %s, null, null)", (after(seconds=40),)
    )
    record(database, now=after(seconds=45), answered=100)
    assert seen(database, now=after(minutes=1)) == "sick"
    assert seen(database, since=after(seconds=41), now=after(minutes=1)) == "answered"


def test_only_the_last_ten_minutes_count(database: TestDatabase) -> None:
    """What was answered an hour ago says nothing about this failure."""
    record(database, now=after(seconds=30), answered=9)
    assert seen(database, now=after(minutes=11)) == "silent"
    assert seen(database, now=after(minutes=10)) == "answered"


def test_a_ramp_counts_as_sick(database: TestDatabase) -> None:
    """Trials of a service that was down a moment ago consume no attempts."""
    half_opened(database, now=after(seconds=1))
    record(database, now=after(seconds=30), answered=50)
    assert seen(database, now=after(minutes=1)) == "sick"
