"""The cancel phase: cancel a job after a stop or a step's timeout."""

from __future__ import annotations

from datetime import timedelta

from flamebot.domain.errors import ResponseUnreadable, ServiceConflict, ServiceRefused
from flamebot.domain.outcome import Defer, Done, Outcome, Retry
from flamebot.domain.task import Task
from flamebot.ports.actions_service import ActionsService, Job
from flamebot.ports.clock import Clock
from flamebot.services.time_budget import TimeBudget


class CancelJob:
    """Cancels a job, which is found by its idempotency key if its id is not known."""

    def __init__(self, service: ActionsService, clock: Clock) -> None:
        """Take the service, and the clock that tells how long ago the write was sent."""
        self._service = service
        self._clock = clock

    def run(self, task: Task, budget: TimeBudget) -> Outcome:
        """Cancel the task's job.

        A job that is finished, or that the service does not know, counts as cancelled.
        """
        job_id = task.payload.job_id
        if job_id is None:
            key = task.payload.key
            found = self._service.find(key) if key else None  # guard: found-by-its-key
            if found is None:
                return self._not_found(task, budget.call_timeout)
            if not found.open:  # guard: finished-job-is-left
                return _done(found)
            job_id = found.job_id
            budget.need_call()  # guard: cancel-needs-time
        job = self._cancelled(job_id, budget)
        if job is None:
            return Done()
        if job.open:  # guard: open-job-is-cancelled-again
            return Retry(error="cancel_pending: the service has not cancelled the job yet")
        return _done(job)

    def _cancelled(self, job_id: str, budget: TimeBudget) -> Job | None:
        """Cancel the job and return it; None if the service does not know it."""
        try:
            return self._service.cancel(job_id)
        except (ServiceConflict, ServiceRefused, ResponseUnreadable) as error:
            # Services refuse to cancel a job that has ended, or accept it without a body.
            budget.need_call()
            job = self._service.job(job_id)
            if job is not None and job.open and isinstance(error, ServiceRefused):
                raise
            return job  # guard: refused-cancel-is-read

    def _not_found(self, task: Task, call_timeout: timedelta) -> Outcome:
        """Look again while the write may still reach the service.

        After that the key was never used.

        The call that sent it ends within its timeout, in this process or in one that crashed.
        """
        left = call_timeout - task.age(self._clock.wall())
        if task.payload.key and left > timedelta():  # guard: absence-needs-a-timeout
            return Defer(after=left * self._clock.rate, reason="not_found_yet")
        return Done()


def _done(job: Job) -> Done:
    return Done(
        result={"job_id": job.job_id, "job_status": job.status, "job_result": dict(job.result)}
    )
