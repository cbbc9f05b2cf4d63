"""The cancel phase: take a job back, after a stop or a step's timeout."""

from __future__ import annotations

from datetime import timedelta

from flamebot.domain.outcome import Defer, Done, Outcome, Retry
from flamebot.domain.task import Task
from flamebot.ports.actions_service import ActionsService, Job
from flamebot.ports.clock import Clock
from flamebot.services.time_budget import Invocation


class CancelJob:
    """Finds the job by its key where its id is not known, and cancels it."""

    def __init__(self, service: ActionsService, clock: Clock) -> None:
        """Take the service, and the clock that knows how long a write may still be on its way."""
        self._service = service
        self._clock = clock

    def run(self, task: Task, invocation: Invocation) -> Outcome:
        """Cancel. A finished job, and one that the service does not know, are as good as cancelled."""
        job_id = task.payload.job_id
        if job_id is None:
            found = self._service.find(task.payload.key) if task.payload.key else None
            if found is None:
                return self._none_yet(task, invocation.call_timeout)
            if not found.open:
                return _done(found)
            job_id = found.job_id
            invocation.need_call()
        job = self._service.cancel(job_id)
        if job is None:
            return Done()
        if job.open:
            return Retry(error="cancel_pending: the service has not cancelled the job yet")
        return _done(job)

    def _none_yet(self, task: Task, call_timeout: timedelta) -> Outcome:
        """The write may still be on its way to the service: only after a call's timeout does its absence mean anything."""
        left = call_timeout - task.age(self._clock.wall())
        if task.payload.key and left > timedelta():
            return Defer(after=left * self._clock.rate, reason="not_found_yet")
        return Done()


def _done(job: Job) -> Done:
    return Done(
        result={"job_id": job.job_id, "job_status": job.status, "job_result": dict(job.result)}
    )
