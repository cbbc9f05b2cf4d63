"""The submit phase: hand the work to the actions service, under the account's lock."""

from __future__ import annotations

from datetime import timedelta

from flamebot.domain.errors import OutcomeUnknown
from flamebot.domain.outcome import Abort, Done, Fail, Outcome
from flamebot.domain.task import Task
from flamebot.ports.actions_service import AccountStatus, ActionsService
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import Begun
from flamebot.services.stepping.phases.register import RegisterAccount
from flamebot.services.time_budget import Invocation

KEY_LIFETIME = timedelta(
    hours=20
)  # wall time; the service keeps keys for 24 hours, and a call may be on its way


class SubmitUnknown(OutcomeUnknown):
    """The write itself was sent, and nobody knows what came of it."""


class SubmitEffect:
    """Registers the account if need be, asks for its status, then sends the request that the task carries."""

    def __init__(self, service: ActionsService, accounts: RegisterAccount, clock: Clock) -> None:
        """Take the service, who registers, and the clock that ages keys."""
        self._service = service
        self._accounts = accounts
        self._clock = clock

    def run(self, begun: Begun, task: Task, invocation: Invocation) -> Outcome:
        """Send the request under the task's own key, or find out what became of it.

        Raises:
            SubmitUnknown: The write was sent; the same key must be sent again.
            OutcomeUnknown: A call before the write gave no answer; the write was not sent.
            FlamebotError: As from the ports.
        """
        request, instance = task.payload.request, begun.instance
        if request is None or instance is None:
            return Fail(
                error="no_request: the task carries no request", unknown=task.outcome_unknown
            )
        if task.outcome_unknown and task.age(self._clock.wall()) > KEY_LIFETIME:
            return self._found(task)
        account_id = instance.account.account_id
        if self._account_status(begun, account_id, task.fence, invocation) == "suspended":
            return Abort(error="account_suspended: the actions service calls the account suspended")
        invocation.need_call()
        try:
            job_id = self._service.submit(
                account_id, request, key=task.task_id, fencing_token=task.fence
            )
        except OutcomeUnknown as error:
            raise SubmitUnknown(error.detail, retry_after=error.retry_after) from error
        return Done(result={"job_id": job_id})

    def _found(self, task: Task) -> Outcome:
        """The service may have forgotten the key: a second sending could be a second effect."""
        job = self._service.find(task.task_id)
        if job is None:
            return Fail(
                error="outcome_unknown: sent more than 20 hours ago, and the service does not know of it",
                unknown=True,
            )
        return Done(result={"job_id": job.job_id})

    def _account_status(
        self, begun: Begun, account_id: str, fence: int, invocation: Invocation
    ) -> AccountStatus:
        if begun.registered_version == begun.credentials_version:
            known = self._service.account_status(account_id)
            if known is not None:
                return known
            invocation.need_call()
        return self._accounts.register(account_id, fence=fence)
