"""A job is taken back, by its id or by the key it was submitted under."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

import pytest

from flamebot.domain.outcome import Defer, Done, Outcome, Retry
from flamebot.domain.task import Payload, Phase
from flamebot.ports.actions_service import Job
from flamebot.services.stepping.phases.cancel import CancelJob
from flamebot.services.time_budget import OutOfTime, TimeBudget
from tests.unit.services.stand_ins import HandClock, ScriptedService, task


def cancel(
    service: ScriptedService,
    *,
    job_id: str | None = None,
    after: float = 0,
    remaining: float = 60,
    rate: float = 1.0,
) -> Outcome:
    """Run a cancel task that was first begun so many wall-clock seconds ago.

    Calls take up to 30 s.
    """
    clock = HandClock(rate=rate)
    clock.elapsed = after
    begun = task(Phase.CANCEL, payload=Payload(job_id=job_id, key="the-key", reason="stop"))
    return CancelJob(service, clock).run(
        begun, TimeBudget(lambda: remaining, timedelta(seconds=30))
    )


def job(status: Literal["running", "succeeded", "failed", "cancelled"], **result: Any) -> Job:
    """Return a job at the actions service."""
    return Job(job_id="j1", status=status, result=result)


def test_a_known_job_is_cancelled() -> None:
    """With the job's id one call is enough."""
    service = ScriptedService(cancel=job("cancelled"))
    assert cancel(service, job_id="j1") == Done(
        result={"job_id": "j1", "job_status": "cancelled", "job_result": {}}
    )
    assert service.names() == ["cancel"]


def test_a_job_that_had_succeeded_keeps_its_result() -> None:
    """A finished job stays finished, and its result is reported."""
    outcome = cancel(ScriptedService(cancel=job("succeeded", performed=3)), job_id="j1")
    assert outcome == Done(
        result={"job_id": "j1", "job_status": "succeeded", "job_result": {"performed": 3}}
    )


def test_an_unknown_job_is_as_good_as_cancelled() -> None:
    """404: there is nothing to take back."""
    assert cancel(ScriptedService(cancel=None), job_id="gone") == Done()


def test_the_key_leads_to_the_job() -> None:
    """The submit's answer was lost, but its key is known."""
    service = ScriptedService(find=job("running"), cancel=job("cancelled"))
    cancel(service)
    assert service.calls == [("find", ("the-key",)), ("cancel", ("j1",))]


def test_a_job_found_finished_is_left_alone() -> None:
    """There is nothing to cancel any more."""
    service = ScriptedService(find=job("failed"))
    assert isinstance(cancel(service), Done)
    assert service.names() == ["find"]


def test_a_key_that_is_not_known_yet_is_looked_up_again() -> None:
    """The submit may still be on its way for as long as a call may last; that is wall time."""
    outcome = cancel(ScriptedService(find=None), after=10, rate=60)
    assert isinstance(outcome, Defer)
    assert outcome.after == timedelta(seconds=20) * 60


def test_a_key_that_stays_unknown_was_never_used() -> None:
    """After a call's timeout the submit cannot arrive any more."""
    assert cancel(ScriptedService(find=None), after=31) == Done()


def test_a_job_that_goes_on_is_cancelled_again() -> None:
    """Until the service says that it is over, it is not."""
    assert isinstance(cancel(ScriptedService(cancel=job("running")), job_id="j1"), Retry)


def test_no_call_is_begun_that_might_be_cut_off() -> None:
    """Found, but the invocation is nearly over: the next one cancels."""
    with pytest.raises(OutOfTime):
        cancel(ScriptedService(find=job("running")), remaining=34)
