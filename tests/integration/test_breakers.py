"""Begin and commit under the breaker of a service: what may run, and what waits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flamebot.adapters.postgres.call_counts import call_count_json
from flamebot.adapters.postgres.rows import decision_json, to_json
from flamebot.domain.service_call import CallCount, CallEnd, Service
from flamebot.domain.task import Payload, Phase
from tests.support.builders import (
    HORIZON,
    LEASE,
    NOON,
    Running,
    Started,
    a_cancel,
    a_decision,
    a_next,
    a_poll,
    a_running_task,
    a_submit,
    after,
    an_instance,
    begin,
    claim,
    commit_one,
    pause_all,
    resume_all,
    second,
    task,
)
from tests.support.databases import Row, TestDatabase, start
from tests.support.services import half_opened, opened, record, service


def a_running(started: Started, begun: Row) -> Running:
    """Return what commits of a begun task need."""
    return Running(started.instance_id, started.task_id, begun["fence"], started.account_id)


@pytest.mark.parametrize("phase", [Phase.SUBMIT, Phase.POLL])
def test_nothing_of_an_open_service_begins(database: TestDatabase, phase: Phase) -> None:
    """What was queued before goes back to pending: no attempt, no call."""
    started = an_instance(database, a_next(at=NOON, phase=phase))
    opened(database)
    assert begin(database, started.task_id) == []
    row = task(database, started.task_id)
    assert (row["status"], row["attempts"], row["lease_expires_at"]) == ("pending", 0, None)


def test_timers_cancels_and_the_other_service_begin(database: TestDatabase) -> None:
    """A breaker holds back the tasks of its service alone."""
    free = [
        an_instance(database, a_next(at=NOON)).task_id,
        an_instance(database, a_cancel(at=NOON)).task_id,
        an_instance(database, a_next(at=NOON, phase=Phase.GENERATE)).task_id,
    ]
    opened(database)
    assert {row["task_id"] for row in begin(database, *free)} == set(free)


def test_begin_tells_the_generations_of_both_services(database: TestDatabase) -> None:
    """A call is counted for the state under which its task began."""
    opened(database, name=Service.AI)
    started = an_instance(database, a_submit(at=NOON))
    (row,) = begin(database, started.task_id)
    assert (row["actions_generation"], row["ai_generation"]) == (1, 2)
    assert row["service_record"] is None


def test_begin_tells_how_the_service_answered_others(database: TestDatabase) -> None:
    """Only a task that was left without a response needs to know it."""
    lost = a_submit(at=after(minutes=1), payload=Payload(unanswered=1, unanswered_since=NOON))
    started = an_instance(database, lost)
    record(database, now=after(seconds=30), answered=3)
    (row,) = begin(database, started.task_id, now=after(minutes=1))
    assert row["service_record"] == "answered"


def test_begin_tells_how_late_a_task_is(database: TestDatabase) -> None:
    """A global pause is left out: deadlines leave it out by themselves."""
    started = an_instance(database, a_submit(at=after(minutes=10)))
    pause_all(database, now=after(minutes=11))
    resume_all(database, now=after(minutes=41))
    claim(database, now=after(minutes=45))
    (row,) = begin(database, started.task_id, now=after(minutes=45))
    assert row["late_ms"] == timedelta(minutes=5) / timedelta(milliseconds=1)


def test_a_successor_of_an_open_service_waits(database: TestDatabase) -> None:
    """The submit after a timer is not run by the same delivery, and no message is sent."""
    running = a_running_task(database)
    opened(database)
    row = commit_one(database, running, a_decision(next_task=a_submit(at=NOON, run=True)))
    assert (row["next_status"], row["send"]) == ("pending", None)


def test_a_successor_of_another_service_runs_at_once(database: TestDatabase) -> None:
    """The breaker of the AI service does not hold back a submit."""
    running = a_running_task(database)
    opened(database, name=Service.AI)
    row = commit_one(database, running, a_decision(next_task=a_submit(at=NOON, run=True)))
    assert row["next_status"] == "running"


def test_a_cancel_follows_under_an_open_breaker(database: TestDatabase) -> None:
    """A stop and a timeout are not delayed."""
    running = a_running_task(database, a_poll(at=NOON))
    opened(database)
    row = commit_one(database, running, a_decision(next_task=a_cancel(at=NOON, reason="timeout")))
    assert row["next_status"] == "queued"


def test_a_rescheduled_task_of_an_open_service_waits(database: TestDatabase) -> None:
    """A call that was on its way when the breaker opened is made again after it."""
    running = a_running_task(database, a_submit(at=NOON))
    opened(database)
    row = commit_one(database, running, a_decision("pending", at=after(seconds=5)))
    assert row["send"] is None
    assert task(database, running.task_id)["status"] == "pending"


def test_what_a_ramp_let_through_is_finished(database: TestDatabase) -> None:
    """The job is polled on the slot of its submit, poll after poll."""
    started = an_instance(database, a_submit(at=after(minutes=5)))
    half_opened(database, now=after(minutes=5))
    claim(database, now=after(minutes=5))
    (begun,) = begin(database, started.task_id, now=after(minutes=5))
    running = a_running(started, begun)
    submitted = a_decision(next_task=a_poll(at=after(minutes=5, seconds=2)))
    assert commit_one(database, running, submitted, now=after(minutes=5))["next_status"] == "queued"
    poll = second(running)
    (begun,) = begin(database, poll, now=after(minutes=5, seconds=2))
    again = a_decision("pending", at=after(minutes=5, seconds=9))
    polled = running._replace(task_id=poll, fence=begun["fence"])
    assert commit_one(database, polled, again, now=after(minutes=5, seconds=2))["send"] is not None
    assert len(begin(database, poll, now=after(minutes=5, seconds=9))) == 1


def test_a_deferred_submit_takes_a_slot_again(database: TestDatabase) -> None:
    """429 under a lowered rate: the task waits for its turn like the others."""
    started = an_instance(database, a_submit(at=after(minutes=5)))
    half_opened(database, now=after(minutes=5))
    claim(database, now=after(minutes=5))
    (begun,) = begin(database, started.task_id, now=after(minutes=5))
    deferred = a_decision("pending", at=after(minutes=5, seconds=5))
    row = commit_one(database, a_running(started, begun), deferred, now=after(minutes=5))
    assert row["send"] is None
    assert task(database, started.task_id)["admitted"] is None


def test_a_commit_counts_the_calls_that_led_to_it(database: TestDatabase) -> None:
    """Three of them open the breaker, in the same transaction."""
    running = a_running_task(database, a_submit(at=NOON))
    calls = [CallCount(service=Service.ACTIONS, generation=1, ends={CallEnd.UNKNOWN: 3})]
    item = {
        "task_id": running.task_id,
        "fence": running.fence,
        "decision": decision_json(a_decision("pending", at=after(seconds=5))),
    }
    database.rows(
        "select * from commit_tasks(%s::jsonb, %s, %s, %s, 1, %s::jsonb)",
        (to_json([item]), NOON, HORIZON, LEASE, to_json([call_count_json(c) for c in calls])),
    )
    assert service(database)["state"] == "open"


def test_deferrals_are_kept_with_the_step_in_the_history(database: TestDatabase) -> None:
    """The commit writes them with the step."""
    running = a_running_task(database)
    deferrals = {"times": 14, "ms": 2_460_000, "code": "throttled"}
    entry = {
        "step_id": "a", "action": "wait", "status": "completed", "attempt": 1,
        "started_at": NOON.isoformat(), "finished_at": NOON.isoformat(), "deferrals": deferrals,
    }  # fmt: skip
    decision = {**decision_json(a_decision()), "history": [entry]}
    item = {"task_id": running.task_id, "fence": running.fence, "decision": decision}
    database.rows(
        "select * from commit_tasks(%s::jsonb, %s, %s, %s, 1)",
        (to_json([item]), NOON, HORIZON, LEASE),
    )
    assert database.value("select deferrals from step_history") == deferrals


def test_what_a_breaker_holds_back_is_not_late(database: TestDatabase) -> None:
    """The engine keeps pace: health counts what waits for the service on its own."""
    an_instance(database, a_submit(at=after(minutes=5)))
    opened(database, now=after(minutes=5))
    health = database.value("select engine_health(%s)", (after(minutes=30),))
    assert (health["due_backlog"], health["oldest_due_age_seconds"]) == (0, 0)
    assert [s["held_back"] for s in health["services"]] == [1, 0]


@pytest.mark.race
def test_a_begin_that_a_breaker_opens_beside_is_a_call_on_its_way(database: TestDatabase) -> None:
    """Race: begin waits for no breaker. The task runs, and the next one does not."""
    first, other = (an_instance(database, a_submit(at=NOON)).task_id for _ in range(2))
    opener = database.session()
    opener.begin()
    opened(opener)
    assert len(start(lambda: begin(database, first)).result()) == 1
    opener.commit()
    assert begin(database, other) == []
