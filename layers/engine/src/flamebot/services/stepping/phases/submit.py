"""The submit phase: send a write to the actions service, under the account's lock."""

from __future__ import annotations

from datetime import timedelta

from flamebot.domain.begun import Begun
from flamebot.domain.errors import (
    OutcomeUnknown,
    ResponseUnreadable,
    ServiceConflict,
    ServiceError,
)
from flamebot.domain.ids import AccountId
from flamebot.domain.outcome import Abort, Absent, Done, Fail, Outcome
from flamebot.domain.task import Task
from flamebot.ports.actions_service import AccountStatus, ActionsService, Job
from flamebot.ports.clock import Clock
from flamebot.services.stepping.phases.register import RegisterAccount
from flamebot.services.time_budget import OutOfTime, TimeBudget

# Wall time. The service keeps keys for 24 hours; a call that is on its way needs the rest.
KEY_LIFETIME = timedelta(hours=20)


class SubmitUnknown(OutcomeUnknown):
    """The write itself was sent, and its outcome is unknown."""


class SubmitEffect:
    """Checks the account, registers it if necessary, then sends the task's request."""

    def __init__(self, service: ActionsService, accounts: RegisterAccount, clock: Clock) -> None:
        """Take the service, the registration, and the clock that tells the age of a key."""
        self._service = service
        self._accounts = accounts
        self._clock = clock

    def run(self, begun: Begun, budget: TimeBudget) -> Outcome:
        """Send the request under the task's own key, or look up what became of it.

        Raises:
            SubmitUnknown: The write was sent; the same key must be sent again.
            OutcomeUnknown: A call before the write got no response; the write was not sent.
            FlamebotError: As from the ports.
        """
        task = begun.task
        # guard: old-key-is-looked-up
        old = task.outcome_unknown and task.age(self._clock.wall()) > KEY_LIFETIME
        if old or task.payload.look_up is not None:  # guard: look-up-sends-nothing
            return self._look_up(task, budget)
        if task.outcome_unknown:
            # The earlier try may have got through: nothing is sent before that is known.
            job = self._service.find(task.task_id)  # guard: unknown-write-is-looked-up-first
            if job is not None:
                return Done(result={"job_id": job.job_id})
            budget.need_call()
        request = task.payload.request
        if request is None:
            return Fail(
                error="no_request: the task carries no request", unknown=task.outcome_unknown
            )
        account_id = begun.instance.account.account_id
        # guard: suspended-is-left-alone
        if self._account_status(begun, account_id, task.fence, budget) == "suspended":
            return Abort(error="account_suspended: the actions service calls the account suspended")
        budget.need_call()  # guard: write-needs-time
        try:
            # The key is the task's id in every attempt, so the service does the work once.
            job_id = self._service.submit(  # guard: write-key, write-fence
                account_id, request, key=task.task_id, fencing_token=task.fence
            )
        except (ServiceConflict, ResponseUnreadable) as error:
            # Both are what a service may respond when it has the write: a conflict with the first
            # request under the key, or an acceptance without a usable body.
            job = self._sent_before(task, budget)  # guard: conflict-is-looked-up
            if job is not None:
                return Done(result={"job_id": job.job_id})
            if isinstance(error, ServiceConflict):
                raise
            raise SubmitUnknown(error.detail, retry_after=error.retry_after) from error
        except OutcomeUnknown as error:  # guard: write-without-response
            raise SubmitUnknown(error.detail, retry_after=error.retry_after) from error
        return Done(result={"job_id": job_id})

    def _look_up(self, task: Task, budget: TimeBudget) -> Outcome:
        """Return what became of a write that is not sent again."""
        job = self._service.find(task.task_id)
        if job is None:
            return Absent(again=budget.call_timeout * self._clock.rate)
        return Done(result={"job_id": job.job_id})

    def _sent_before(self, task: Task, budget: TimeBudget) -> Job | None:
        """Return the job under the task's key; None if there is none or it cannot be read now."""
        try:
            budget.need_call()  # guard: look-up-needs-time
            return self._service.find(task.task_id)
        except (ServiceError, OutOfTime):
            return None

    def _account_status(
        self, begun: Begun, account_id: AccountId, fence: int, budget: TimeBudget
    ) -> AccountStatus:
        if begun.registered_version == begun.credentials_version:  # guard: registered-per-version
            known = self._service.account_status(account_id)
            if known is not None:
                return known
            budget.need_call()  # guard: registration-needs-time
        return self._accounts.register(account_id, fence=fence, budget=budget)
