"""The error tree. A class's docstring is its default message, which clients are shown.

A code is the same from the SQLSTATE of an SQL function to the `code` of a problem document.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar


class FlamebotError(Exception):
    """An internal error has occurred."""

    code: ClassVar[str] = "internal"

    def __init__(self, detail: str | None = None, **context: object) -> None:
        """Set what a client is shown.

        Args:
            detail: The message. None: the class's docstring.
            context: Further members of the problem document, such as `allowed`.
        """
        super().__init__(detail or type(self).__doc__)
        self.detail = detail or (type(self).__doc__ or "")
        self.context = context


class NotFound(FlamebotError):
    """The resource does not exist."""

    code = "not_found"  # SQLSTATE FB001


class Conflict(FlamebotError):
    """The current state does not allow this request."""

    code = "conflict"


class AlreadyActive(Conflict):
    """The account already has a live workflow."""

    code = "already_active"  # FB002


class NotAllowed(Conflict):
    """The workflow's status does not allow this action."""

    code = "not_allowed"  # FB003; context: allowed


class Busy(Conflict):
    """A step is running, or its job is open at the actions service. Try again when it has ended."""

    code = "busy"  # FB004


class RevisionConflict(Conflict):
    """The workflow has changed in the meantime. Try again."""

    code = "revision_conflict"  # FB005


class PreconditionFailed(FlamebotError):
    """The current version is newer than the one named by If-Match."""

    code = "precondition_failed"  # FB006


class AccountIncomplete(FlamebotError):
    """The account has no modelId or no channelId. A workflow needs both."""

    code = "account_incomplete"  # FB007


class UnknownWorkflowType(FlamebotError):
    """There is no definition of this type."""

    code = "unknown_workflow_type"  # FB008


class IdempotencyKeyReused(FlamebotError):
    """This Idempotency-Key was used with a different request body."""

    code = "idempotency_key_reused"  # FB009


class IdempotencyInFlight(Conflict):
    """A request with this Idempotency-Key is being processed. Try again later."""

    code = "idempotency_in_flight"  # FB010


@dataclass(frozen=True, slots=True)
class ValidationIssue:
    """One issue of an input: its position (JSON pointer, RFC 6901) and a sentence about it."""

    pointer: str
    detail: str


class Invalid(FlamebotError):
    """The input has errors, which are listed."""

    code = "invalid"

    def __init__(self, issues: list[ValidationIssue], detail: str | None = None) -> None:
        """Set the issues, all of those that were found."""
        super().__init__(detail)
        self.issues = issues


class Unavailable(FlamebotError):
    """A dependency of the system cannot be reached at the moment."""

    code = "unavailable"


class StoreUnavailable(Unavailable):
    """The database cannot be reached at the moment."""

    code = "database_unavailable"


class LocksUnavailable(Unavailable):
    """The lock table cannot be reached at the moment."""

    code = "locks_unavailable"


class FilesUnavailable(Unavailable):
    """The file store cannot be reached at the moment."""

    code = "files_unavailable"


class VaultError(FlamebotError):
    """The credentials could not be encrypted or decrypted."""

    code = "vault"


class ServiceError(FlamebotError):
    """The actions service did not accept the request."""

    code = "service"

    def __init__(
        self,
        detail: str | None = None,
        *,
        retry_after: timedelta | None = None,
        status: int | None = None,
    ) -> None:
        """Set the response's Retry-After (wall time) and status, if there was a response."""
        super().__init__(detail)
        self.retry_after = retry_after
        self.status = status


class ServiceThrottled(ServiceError):
    """The actions service limits the rate of requests (429)."""

    code = "throttled"


class ServiceDenied(ServiceError):
    """The actions service does not accept the engine's token (401 or 403)."""

    # The fault of the operator's settings, not of the step: the step waits until they are mended.
    code = "denied"


class ServiceNotReady(ServiceError):
    """The actions service did not process the request and may do so later (423 or 425)."""

    code = "not_ready"


class ServiceConflict(ServiceError):
    """The actions service refused the request because of other work (409)."""

    code = "conflict"

    def __init__(
        self,
        detail: str | None = None,
        *,
        retry_after: timedelta | None = None,
        status: int | None = None,
        in_progress: bool = False,
    ) -> None:
        """Set whether the service says that the other work is in progress and will end."""
        super().__init__(detail, retry_after=retry_after, status=status)
        self.in_progress = in_progress


class OutcomeUnknown(ServiceError):
    """The request may or may not have taken effect."""

    # After a timeout, a connection reset, a 5xx or an unreadable response: the engine sends the
    # same request again under the same key.
    code = "outcome_unknown"


class ResponseUnreadable(OutcomeUnknown):
    """The actions service accepted the request, but its response cannot be read."""


class ServiceRefused(ServiceError):
    """The actions service refused the request, and would refuse it again (4xx)."""

    code = "refused"


class AccountSuspended(ServiceRefused):
    """The actions service refused the request because the account is suspended."""

    code = "account_suspended"


class WriterError(FlamebotError):
    """The AI service returned no usable text."""

    code = "writer"


class WriterWait(WriterError):
    """The AI service cannot be used now: it limits the rate, is overloaded or denies access.

    `retry_after` is wall time; None: the service named no time.
    """

    code = "writer_wait"

    def __init__(
        self,
        detail: str | None = None,
        *,
        retry_after: timedelta | None = None,
        denied: bool = False,
    ) -> None:
        """Set the service's Retry-After (wall time), and whether it does not accept the key."""
        super().__init__(detail)
        self.retry_after = retry_after
        self.denied = denied


class WriterUnanswered(WriterError):
    """The AI service did not respond, or responded that it failed (5xx)."""


class WriterRefused(WriterError):
    """The AI service refuses to write this text."""

    code = "writer_refused"
