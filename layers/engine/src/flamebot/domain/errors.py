"""The one error tree. A class's docstring is its message; its code is the same from table to client."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar


class FlamebotError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal"

    def __init__(self, detail: str | None = None, **context: object) -> None:
        """Keep what a client may see: `detail`, and `context` (for instance `allowed`, the actions that are)."""
        super().__init__(detail or type(self).__doc__)
        self.detail = detail or (type(self).__doc__ or "")
        self.context = context


class NotFound(FlamebotError):
    """There is no such thing."""

    code = "not_found"  # SQLSTATE FB001


class Conflict(FlamebotError):
    """The state does not allow it."""

    code = "conflict"


class AlreadyActive(Conflict):
    """The account has a live workflow already."""

    code = "already_active"  # FB002


class NotAllowed(Conflict):
    """The workflow's status does not allow this action."""

    code = "not_allowed"  # FB003; context: allowed


class Busy(Conflict):
    """A step is at work, or its job is open at the actions service; try again when it has finished."""

    code = "busy"  # FB004


class RevisionConflict(Conflict):
    """The workflow changed in the meantime; try again."""

    code = "revision_conflict"  # FB005


class PreconditionFailed(FlamebotError):
    """There is a newer version than the one that If-Match names."""

    code = "precondition_failed"  # FB006


class AccountIncomplete(FlamebotError):
    """The account has no modelId or no channelId; both are needed to start a workflow."""

    code = "account_incomplete"  # FB007


class UnknownWorkflowType(FlamebotError):
    """There is no definition of this type."""

    code = "unknown_workflow_type"  # FB008


class IdempotencyKeyReused(FlamebotError):
    """This Idempotency-Key was used with another body."""

    code = "idempotency_key_reused"  # FB009


class IdempotencyInFlight(Conflict):
    """A request with this Idempotency-Key is at work now."""

    code = "idempotency_in_flight"  # FB010


@dataclass(frozen=True, slots=True)
class ValidationIssue:
    """One thing that is wrong with an input: where (JSON pointer, RFC 6901) and what."""

    pointer: str
    detail: str


class Invalid(FlamebotError):
    """The input is not valid."""

    code = "invalid"

    def __init__(self, issues: list[ValidationIssue], detail: str | None = None) -> None:
        """Carry every issue at once."""
        super().__init__(detail)
        self.issues = issues


class Unavailable(FlamebotError):
    """A part of the system cannot be reached right now."""

    code = "unavailable"


class StoreUnavailable(Unavailable):
    """The database cannot be reached right now."""

    code = "database_unavailable"


class LocksUnavailable(Unavailable):
    """The lock table cannot be reached right now."""

    code = "locks_unavailable"


class FilesUnavailable(Unavailable):
    """The file store cannot be reached right now."""

    code = "files_unavailable"


class VaultError(FlamebotError):
    """Credentials could not be encrypted or decrypted."""

    code = "vault"


class ServiceError(FlamebotError):
    """The actions service did not do what was asked. `retry_after` is in wall time."""

    code = "service"

    def __init__(self, detail: str | None = None, *, retry_after: timedelta | None = None) -> None:
        """Keep the service's Retry-After, if it sent one."""
        super().__init__(detail)
        self.retry_after = retry_after


class ServiceThrottled(ServiceError):
    """The service asks for patience (429)."""

    code = "throttled"


class OutcomeUnknown(ServiceError):
    """The call may or may not have taken effect: timeout, reset, 5xx, an unreadable answer."""

    code = "outcome_unknown"


class ServiceRefused(ServiceError):
    """The service refused for good (4xx other than 429)."""

    code = "refused"


class WriterError(FlamebotError):
    """No usable text was written."""

    code = "writer"


class WriterRefused(WriterError):
    """The AI service will not write this text, however often it is asked."""

    code = "writer_refused"
