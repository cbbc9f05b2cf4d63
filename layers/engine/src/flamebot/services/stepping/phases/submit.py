"""The submit phase: send a write to the actions service, under the account's lock."""

from __future__ import annotations

from datetime import timedelta

from flamebot.domain.begun import Begun
from flamebot.domain.errors import OutcomeUnknown
from flamebot.domain.ids import AccountId
from flamebot.domain.outcome import Abort, Done, Fail, Outcome
from flamebot.domain.task import Task
from flamebot.ports.actions_service import AccountStatus, ActionsService
from flamebot.ports.clock import Clock
from flamebot.services.stepping.phases.register import RegisterAccount
from flamebot.services.time_budget import TimeBudget

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
        request = task.payload.request
        if request is None:
            return Fail(
                error="no_request: the task carries no request", unknown=task.outcome_unknown
            )
        # guard: old-key-is-looked-up
        if task.outcome_unknown and task.age(self._clock.wall()) > KEY_LIFETIME:
            return self._look_up(task)
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
        except OutcomeUnknown as error:  # guard: write-without-response
            raise SubmitUnknown(error.detail, retry_after=error.retry_after) from error
        return Done(result={"job_id": job_id})

    def _look_up(self, task: Task) -> Outcome:
        """Return what became of a write whose key the service may have forgotten.

        To send it again could cause a second effect.
        """
        job = self._service.find(task.task_id)
        if job is None:
            return Fail(  # guard: forgotten-key-stays-unknown
                error=(
                    "outcome_unknown: sent more than 20 hours "
                    "ago, and the service does not know of it"
                ),
                unknown=True,
            )
        return Done(result={"job_id": job.job_id})

    def _account_status(
        self, begun: Begun, account_id: AccountId, fence: int, budget: TimeBudget
    ) -> AccountStatus:
        if begun.registered_version == begun.credentials_version:  # guard: registered-per-version
            known = self._service.account_status(account_id)
            if known is not None:
                return known
            budget.need_call()  # guard: registration-needs-time
        return self._accounts.register(account_id, fence=fence)
