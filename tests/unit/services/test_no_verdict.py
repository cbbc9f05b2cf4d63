"""Responses that say nothing about a step's work fail no step and count no attempt."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flamebot.domain import errors
from flamebot.domain.outcome import Abort, Absent, Defer, Done, Fail, Outcome, Retry
from flamebot.domain.task import Payload, Phase
from flamebot.ports.actions_service import Job
from tests.unit.services.stand_ins import INSTANCE, task
from tests.unit.services.test_execute_phase import POLL, World, submit

RUNNING = Job(job_id="j9", status="running")
LOOK_UP = Payload(look_up="outcome_unknown: 503 (attempt 3 of 3)")


@pytest.mark.parametrize("wait", [None, timedelta(seconds=100)])
def test_a_token_that_is_not_accepted_defers(wait: timedelta | None) -> None:
    """401 and 403 are the operator's fault: no attempt, at any call of any phase."""
    denied = errors.ServiceDenied("401", retry_after=wait)
    for outcome in (
        submit(World(submit=denied)).outcome,
        submit(World(account_status=denied)).outcome,
        World(job=denied).execute(task(Phase.POLL, payload=POLL)).outcome,
        World(cancel=denied).execute(task(Phase.CANCEL, payload=POLL)).outcome,
    ):
        assert isinstance(outcome, Defer)
        assert outcome.after >= (wait * 2 if wait else timedelta(seconds=30))
        assert outcome.reason == "denied: 401"


def test_a_service_that_is_not_ready_is_an_attempt_without_effect() -> None:
    """423 and 425: nothing was done, another attempt may succeed, an earlier one stays unknown."""
    for unknown in (False, True):
        world = World(submit=errors.ServiceNotReady("425"))
        outcome = submit(world, outcome_unknown=unknown).outcome
        assert outcome == Retry(error="not_ready: 425", unknown=unknown)


def test_a_conflict_is_a_reason_to_look_up() -> None:
    """A lost response, then a 409 to the repetition: the service has the job."""
    for conflict in (
        errors.ServiceConflict("409"),
        errors.ServiceConflict("409", in_progress=True),
    ):
        world = World(submit=conflict, find=RUNNING)
        assert submit(world, outcome_unknown=True).outcome == Done(result={"job_id": "j9"})
        assert world.service.calls[-1] == ("find", (f"{INSTANCE}:3",))


@pytest.mark.parametrize("found", [None, errors.OutcomeUnknown("reset")])
def test_a_conflict_without_a_job_is_awaited_or_tried_again(
    found: errors.OutcomeUnknown | None,
) -> None:
    """In progress: a deferral, and the lock is kept. Any other: an attempt."""
    conflict = errors.ServiceConflict("409", in_progress=True)
    executed = submit(World(submit=conflict, find=found))
    assert isinstance(executed.outcome, Defer)
    assert not executed.ended
    outcome = submit(World(submit=errors.ServiceConflict("409"), find=found)).outcome
    assert outcome == Retry(error="conflict: 409")


def test_a_write_of_unknown_outcome_is_looked_up_before_it_is_sent_again() -> None:
    """A job that is found is not sent for again; without one the same write is sent."""
    world = World(submit="j1", find=RUNNING)
    assert submit(world, outcome_unknown=True).outcome == Done(result={"job_id": "j9"})
    assert world.service.names() == ["find"]
    world = World(submit="j1")
    assert submit(world, outcome_unknown=True).outcome == Done(result={"job_id": "j1"})
    assert world.service.names() == ["find", "account_status", "submit"]


def test_a_write_accepted_without_a_body_is_looked_up_at_once() -> None:
    """202 or 204 without a task id: the key leads to the job, and the write is not repeated."""
    world = World(submit=errors.ResponseUnreadable("empty"), find=RUNNING)
    assert submit(world).outcome == Done(result={"job_id": "j9"})
    assert world.service.names() == ["account_status", "submit", "find"]
    outcome = submit(World(submit=errors.ResponseUnreadable("empty"), find=None)).outcome
    assert outcome == Retry(error="outcome_unknown: empty", unknown=True, unanswered=True)


def test_a_look_up_that_does_not_fit_into_the_invocation_is_left_out() -> None:
    """The write was sent: its outcome is unknown, not deferred."""
    world = World(submit=errors.ResponseUnreadable("empty"), find=RUNNING)
    world.call_seconds = 13.0
    outcome = submit(world).outcome
    assert isinstance(outcome, Retry)
    assert outcome.unknown
    assert "find" not in world.service.names()


def test_a_look_up_sends_nothing() -> None:
    """What the service knows under the key decides."""
    world = World(find=RUNNING)
    assert submit(world, payload=LOOK_UP, outcome_unknown=True).outcome == Done(
        result={"job_id": "j9"}
    )
    assert world.service.names() == ["find"]
    absent = submit(World(find=None), payload=LOOK_UP, outcome_unknown=True)
    assert absent.outcome == Absent(again=timedelta(seconds=60))
    assert not absent.ended


@pytest.mark.parametrize(
    "refusal",
    [
        errors.ServiceRefused("400"),
        errors.AccountSuspended("403"),
        errors.ServiceNotReady("425"),
        errors.ServiceConflict("409"),
        errors.ServiceThrottled("429"),
        errors.OutcomeUnknown("408"),
    ],
)
def test_no_refusal_of_a_poll_says_anything_about_the_job(refusal: errors.ServiceError) -> None:
    """A poll is a read: it is repeated, and no attempt is counted."""
    outcome = World(job=refusal).execute(task(Phase.POLL, payload=POLL)).outcome
    assert isinstance(outcome, Defer)


def test_a_job_that_is_gone_is_looked_up_by_its_key() -> None:
    """404 or 410 to the id: the service may know the work under its key."""
    world = World(job=None, find=Job(job_id="j10", status="succeeded", result={"performed": 5}))
    outcome = world.execute(task(Phase.POLL, payload=POLL)).outcome
    assert outcome == Done(result={"performed": 5})


def test_a_suspended_account_stops_its_workflow_however_it_is_reported() -> None:
    """By the status, or by a refusal of the write."""
    for world in (
        World(account_status="suspended"),
        World(submit=errors.AccountSuspended("403")),
    ):
        outcome = submit(world).outcome
        assert isinstance(outcome, Abort)
        assert outcome.error.startswith("account_suspended:")


def test_a_suspension_does_not_hide_a_write_that_got_through() -> None:
    """The job of an earlier try is watched to its end; the next step stops the workflow."""
    world = World(account_status="suspended", find=RUNNING)
    assert submit(world, outcome_unknown=True).outcome == Done(result={"job_id": "j9"})
    nothing = World(account_status="suspended", find=None)
    assert isinstance(submit(nothing, outcome_unknown=True).outcome, Abort)


@pytest.mark.parametrize(
    "refusal",
    [
        errors.ServiceConflict("409"),
        errors.ServiceRefused("422"),
        errors.ResponseUnreadable("empty"),
    ],
)
def test_a_cancel_that_is_not_confirmed_is_read_back(refusal: errors.ServiceError) -> None:
    """A job that has ended needs no cancel, whatever the service responds to one."""
    ended = Job(job_id="j1", status="succeeded", result={"performed": 2})
    world = World(cancel=refusal, job=ended)
    outcome = world.execute(task(Phase.CANCEL, payload=POLL)).outcome
    assert isinstance(outcome, Done)
    assert outcome.result["job_status"] == "succeeded"


def test_a_refused_cancel_of_a_running_job_is_a_refusal() -> None:
    """The job goes on, and an operator learns it."""
    world = World(cancel=errors.ServiceRefused("405"), job=RUNNING)
    outcome = world.execute(task(Phase.CANCEL, payload=POLL)).outcome
    assert outcome == Fail(error="refused: 405")


@pytest.mark.parametrize("wait", [None, timedelta(minutes=50)])
def test_a_writer_that_cannot_be_used_now_defers(wait: timedelta | None) -> None:
    """A rate limit or a wrong key of the AI service counts no attempt, and its wait is kept."""
    world = World(text=errors.WriterWait("429", retry_after=wait))
    outcome: Outcome = world.execute(task(Phase.GENERATE)).outcome
    assert isinstance(outcome, Defer)
    assert outcome.after >= (wait * 2 if wait else timedelta(seconds=30))
    assert outcome.reason == "writer_wait: 429"
