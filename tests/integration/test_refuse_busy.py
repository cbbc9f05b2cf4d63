"""refuse_busy: a refusal says which job is open, since when, and when it is polled next."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flamebot.domain.decision import Decision, InstanceWrite
from flamebot.domain.errors import Busy
from flamebot.domain.task import Payload
from tests.support.builders import (
    NOON,
    Started,
    a_cancel,
    a_poll,
    a_submit,
    after,
    an_instance,
    begin,
)
from tests.support.databases import TestDatabase
from tests.support.stores import ALICE, control, forced, reads, unsure

JOB = Payload(job_id="job-7", key="k")
ONWARD = Decision(task=None, instance=InstanceWrite(current_step=2), next=a_submit(NOON))


def refusal(database: TestDatabase, started: Started, action: str, **moment: float) -> str:
    """Return the sentences with which an action is refused some time after noon."""
    store = control(database, after(**moment))
    revision = reads(database).workflow(started.instance_id)["revision"]
    calls: dict[str, Callable[[], object]] = {
        "run-now": lambda: store.run_workflow_now(started.instance_id, revision, ALICE),
        "skip-step": lambda: store.skip_step(started.instance_id, revision, ONWARD, ALICE),
    }
    with pytest.raises(Busy) as caught:
        calls[action]()
    return caught.value.detail


def polled(database: TestDatabase, **moment: float) -> Started:
    """Return an instance whose job is polled some time after noon."""
    return an_instance(database, a_poll(after(**moment), payload=JOB))


@pytest.mark.parametrize("action", ["run-now", "skip-step"])
def test_an_open_job_is_named_with_its_next_poll(database: TestDatabase, action: str) -> None:
    """The job's id, its step, since when it is open, and when it is polled next."""
    started = polled(database, minutes=5)
    step = reads(database).workflow(started.instance_id)["task"]["step_id"]
    assert refusal(database, started, action, minutes=1) == (
        f"Job job-7 of step {step} has been open at the actions service since"
        " 2026-03-01T12:00:00Z. It is polled next at 2026-03-01T12:05:00Z."
    ).replace("2026-03-01", f"{NOON:%Y-%m-%d}")
    assert refusal(database, started, action, minutes=6).endswith("It is polled now.")


@pytest.mark.parametrize("action", ["run-now", "skip-step"])
def test_a_global_pause_is_what_the_poll_waits_for(database: TestDatabase, action: str) -> None:
    """Under a global pause no time of the next poll is promised."""
    started = polled(database, minutes=5)
    control(database).pause_all(ALICE)
    assert refusal(database, started, action).endswith(
        "It is polled next when the global pause has ended."
    )


def test_a_held_poll_waits_for_the_resume(database: TestDatabase) -> None:
    """In a paused workflow the job is polled after the resume."""
    started = polled(database, minutes=5)
    control(database).pause_workflow(started.instance_id, ALICE)
    assert refusal(database, started, "skip-step").endswith(
        "It is polled next when the workflow is resumed."
    )


@pytest.mark.parametrize("action", ["run-now", "skip-step"])
def test_a_running_step_is_at_work_since_it_began(database: TestDatabase, action: str) -> None:
    """A running phase is named with the time of its begin."""
    started = an_instance(database, a_submit())
    begin(database, started.task_id)
    assert refusal(database, started, action, minutes=1).endswith(
        f"is at work: its phase submit has been running since {NOON:%Y-%m-%d}T12:00:00Z."
    )


@pytest.mark.parametrize("action", ["run-now", "skip-step"])
def test_a_job_that_is_cancelled_for_its_timeout_says_so(
    database: TestDatabase, action: str
) -> None:
    """A cancel is sent under a global pause as well."""
    cancel = a_cancel(after(minutes=1), "timeout", payload=JOB)
    started = an_instance(database, cancel)
    control(database).pause_all(ALICE)
    assert refusal(database, started, action).endswith(
        f"reached its timeout at {NOON:%Y-%m-%d}T12:00:00Z. Its cancel is sent next"
        f" at {NOON:%Y-%m-%d}T12:01:00Z."
    )


def test_an_unknown_outcome_is_no_job_yet(database: TestDatabase) -> None:
    """A step whose request may have had an effect cannot be skipped; it can be run now."""
    started = unsure(database)
    assert "has been unknown since" in refusal(database, started, "skip-step")


def test_a_job_without_an_id_and_one_with_a_long_id_are_described(database: TestDatabase) -> None:
    """A job that is looked up by its key has no id yet, and a long id is cut."""
    started = polled(database, minutes=5)
    forced(database, started.task_id, payload='{"key": "k"}')
    assert refusal(database, started, "run-now").startswith("A job of unknown id of step ")
    forced(database, started.task_id, payload='{"job_id": "%s"}' % ("x" * 5000))
    assert len(refusal(database, started, "run-now")) < 300
