"""record_calls counts how calls ended, and opens and half opens the breaker of a service."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flamebot.domain.service_call import Service
from tests.support.builders import NOON, after
from tests.support.databases import TestDatabase, start
from tests.support.services import half_opened, opened, record, service


def test_three_calls_without_a_response_open_the_breaker(database: TestDatabase) -> None:
    """It opens at a number of failures. One task every 15 seconds may begin from then on."""
    assert record(database, unknown=2)["state"] == "closed"
    row = record(database, now=after(seconds=4), unknown=1, failure="outcome_unknown: reset")
    assert (row["state"], row["reason"], row["changed_at"], row["changed_by"]) == (
        "open",
        "unanswered",
        after(seconds=4),
        None,
    )
    assert row["slots_per_second"] == pytest.approx(1 / 15)
    assert row["next_slot_at"] == after(seconds=19)
    (opening,) = database.rows("select * from service_openings")
    assert (opening["opened_at"], opening["reason"], opening["error"], opening["ended_at"]) == (
        after(seconds=4),
        "unanswered",
        "outcome_unknown: reset",
        None,
    )


def test_a_breaker_opens_at_a_share_too(database: TestDatabase) -> None:
    """Three failures among many answers are those of single tasks."""
    assert record(database, unknown=3, answered=4)["state"] == "closed"
    assert record(database, unknown=1)["state"] == "open"


def test_an_outage_after_many_answers_is_noticed_within_seconds(database: TestDatabase) -> None:
    """Ten calls without a response and next to none with one are enough, whatever was before."""
    for second in range(0, 60, 5):
        record(database, now=after(seconds=second), answered=5000)
    assert record(database, now=after(seconds=65), unknown=9)["state"] == "closed"
    assert record(database, now=after(seconds=66), unknown=1)["state"] == "open"


def test_old_failures_count_no_more(database: TestDatabase) -> None:
    """Only the last 20 seconds count."""
    record(database, unknown=2)
    assert record(database, now=after(seconds=21), unknown=2)["state"] == "closed"


def test_refusals_open_no_breaker(database: TestDatabase) -> None:
    """A service that refuses what is requested is well."""
    assert record(database, refused=100)["state"] == "closed"


def test_one_services_failures_leave_the_other_alone(database: TestDatabase) -> None:
    """Each service has a breaker of its own."""
    opened(database, name=Service.AI)
    assert service(database)["state"] == "closed"


@pytest.mark.parametrize(("end", "reason"), [("throttled", "throttled"), ("denied", "denied")])
def test_a_service_that_lets_nothing_through_is_left_alone(
    database: TestDatabase, end: str, reason: str
) -> None:
    """It opens when all are throttled or denied, for as long as the service names."""
    row = record(database, retry_after=timedelta(minutes=5), ends={end: 10})
    assert (row["state"], row["reason"]) == ("open", reason)
    assert row["next_slot_at"] == after(minutes=5)


def test_a_named_wait_holds_the_fleet_for_a_quarter_of_an_hour_at_most(
    database: TestDatabase,
) -> None:
    """A service that names a day is probed sooner: its clock may be wrong."""
    row = record(database, throttled=10, retry_after=timedelta(days=1))
    assert row["next_slot_at"] == after(minutes=15)


def test_throttling_lowers_the_rate_of_all(database: TestDatabase) -> None:
    """The rate becomes what the service accepted lately, and grows after the wait it named."""
    record(database, answered=600)
    row = record(database, throttled=50, retry_after=timedelta(seconds=40))
    assert (row["state"], row["slots_per_second"], row["grows_at"]) == (
        "closed",
        30.0,
        after(seconds=40),
    )
    assert row["generation"] == 2


def test_the_rate_is_not_lowered_again_at_once(database: TestDatabase) -> None:
    """Responses to calls that were made before change nothing for ten seconds."""
    record(database, answered=600)
    record(database, throttled=50)
    row = record(database, now=after(seconds=9), throttled=50)
    assert (row["slots_per_second"], row["lowered_at"]) == (30.0, NOON)
    row = record(database, now=after(seconds=12), throttled=50, answered=100)
    assert row["slots_per_second"] == 35.0
    assert row["grows_at"] == after(seconds=22)


def test_the_rate_is_never_lowered_below_the_start_of_the_ramp(database: TestDatabase) -> None:
    """A service that answers 429 to half of all calls, whatever their rate, is not starved."""
    record(database, answered=10)
    assert record(database, throttled=10)["slots_per_second"] == 10.0


def test_an_account_that_is_throttled_for_ever_slows_no_other(database: TestDatabase) -> None:
    """Below a twentieth of the calls a 429 is the account's own."""
    record(database, answered=1000)
    assert record(database, throttled=20)["slots_per_second"] is None


@pytest.mark.parametrize("end", ["unknown", "throttled", "denied"])
def test_a_task_that_fails_for_ever_opens_no_breaker(database: TestDatabase, end: str) -> None:
    """From its third failure on a task counts no more: no other task may have tried."""
    assert record(database, stubborn={end: 28}, ends={end: 30})["state"] == "closed"
    assert record(database, ends={end: 1})["state"] == "open"


def test_every_failed_trial_counts(database: TestDatabase) -> None:
    """After an outage all tasks have failed before; a service that is down again is left alone."""
    half_opened(database)
    record(database, now=after(seconds=1), answered=2)
    row = record(database, now=after(seconds=2), unknown=3, stubborn={"unknown": 3})
    assert row["state"] == "open"


def test_an_answered_probe_half_opens(database: TestDatabase) -> None:
    """Work is released at a growing rate, and the opening ends."""
    opened(database)
    row = record(database, now=after(minutes=1), answered=1)
    assert (row["state"], row["slots_per_second"], row["grows_at"], row["next_slot_at"]) == (
        "half_open",
        10.0,
        after(minutes=1),
        after(minutes=1),
    )
    (opening,) = database.rows("select * from service_openings")
    assert opening["ended_at"] == after(minutes=1)


def test_a_refused_probe_half_opens(database: TestDatabase) -> None:
    """A refusal is a response, so the service is well again."""
    opened(database)
    assert record(database, refused=1)["state"] == "half_open"


def test_answers_to_earlier_calls_do_not_half_open(database: TestDatabase) -> None:
    """A call that began before the breaker opened says nothing about the service now."""
    before = service(database)["generation"]
    opened(database)
    assert record(database, generation=before, answered=5)["state"] == "open"


def test_a_failed_probe_keeps_it_open(database: TestDatabase) -> None:
    """The next probe comes after the probe interval, or the wait that the service named."""
    opened(database)
    assert record(database, unknown=1)["state"] == "open"
    row = record(database, throttled=1, retry_after=timedelta(minutes=2))
    assert (row["state"], row["next_slot_at"]) == ("open", after(minutes=2))


def test_a_first_trial_that_fails_opens_again(database: TestDatabase) -> None:
    """A half open breaker opens at its first failure if nothing was answered since."""
    half_opened(database)
    assert record(database, now=after(seconds=1), unknown=1)["state"] == "open"
    openings = database.rows("select ended_at from service_openings order by opened_at, id")
    assert [row["ended_at"] for row in openings] == [NOON, None]


def test_trials_that_mostly_succeed_keep_it_half_open(database: TestDatabase) -> None:
    """The failure of one task among many is its own."""
    half_opened(database)
    record(database, now=after(seconds=1), answered=9)
    assert record(database, now=after(seconds=2), unknown=1)["state"] == "half_open"


def test_trials_that_mostly_fail_open_it(database: TestDatabase) -> None:
    """Half of the trials, three at least."""
    half_opened(database)
    record(database, now=after(seconds=1), answered=3)
    assert record(database, now=after(seconds=2), unknown=2)["state"] == "half_open"
    assert record(database, now=after(seconds=3), unknown=1)["state"] == "open"


def test_counts_of_several_commits_add_up(database: TestDatabase) -> None:
    """The counts of five seconds stand in one row per part."""
    record(database, answered=2, unknown=1)
    record(database, now=after(seconds=4), answered=3, refused=1)
    record(database, now=after(seconds=5), denied=1)
    rows = database.rows(
        "select since, sum(answered) as answered, sum(unknown) as unknown, sum(refused) as refused,"
        " sum(denied) as denied from service_calls group by since order by since"
    )
    assert [tuple(row.values()) for row in rows] == [
        (NOON, 5, 1, 1, 0),
        (after(seconds=5), 0, 0, 0, 1),
    ]


def test_the_last_failure_is_kept(database: TestDatabase) -> None:
    """The service's row names it and its time."""
    row = record(database, unknown=1, failure="outcome_unknown: 503")
    assert (row["last_failure"], row["last_failure_at"]) == ("outcome_unknown: 503", NOON)


def test_two_commits_open_one_breaker_once(database: TestDatabase) -> None:
    """Race: the second waits for the first, and finds it open."""
    other = database.session()
    database.main.begin()
    opened(database)
    waiting = start(lambda: record(other, generation=1, unknown=5))
    database.until_blocked(other)
    database.main.commit()
    assert waiting.result()["state"] == "open"
    assert len(database.rows("select * from service_openings")) == 1


def test_an_answer_from_before_an_opening_that_it_waited_for_changes_nothing(
    database: TestDatabase,
) -> None:
    """Race: a commit counts an answered trial while another one opens the breaker again."""
    half_opened(database)
    other = database.session()
    database.main.begin()
    assert record(database, now=after(seconds=1), unknown=1)["state"] == "open"
    waiting = start(lambda: record(other, now=after(seconds=1), generation=3, answered=1))
    database.until_blocked(other)
    database.main.commit()
    assert waiting.result()["state"] == "open"
