"""Errors as problem details: `application/problem+json` (RFC 9457), from one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import ClassVar

from pydantic import ValidationError

from flamebot.actions.issues import issues_of
from flamebot.domain.errors import (
    AccountIncomplete,
    Conflict,
    FlamebotError,
    IdempotencyInFlight,
    IdempotencyKeyReused,
    Invalid,
    NotFound,
    PreconditionFailed,
    Unavailable,
    UnknownWorkflowType,
    ValidationIssue,
)
from flamebot.http.response import Response

MEDIA_TYPE = "application/problem+json"
MAX_ISSUES = 100  # a body may have a million errors, and a response has at most 6 MB


class Malformed(FlamebotError):
    """The body must be JSON in UTF-8, with unique member names and finite numbers."""

    code: ClassVar[str] = "malformed"


class Unauthenticated(FlamebotError):
    """The request needs a valid bearer token."""

    code: ClassVar[str] = "unauthenticated"


class Forbidden(FlamebotError):
    """The token lacks the scope that this call needs."""

    code: ClassVar[str] = "forbidden"


class MethodNotAllowed(FlamebotError):
    """The resource does not support this method."""

    code: ClassVar[str] = "method_not_allowed"


class TooLarge(FlamebotError):
    """The body must not exceed 5 MB."""

    code: ClassVar[str] = "too_large"


class UnsupportedMediaType(FlamebotError):
    """The body must be application/json, in UTF-8 and without a content encoding."""

    code: ClassVar[str] = "unsupported_media_type"


class PreconditionRequired(FlamebotError):
    """The request needs If-Match with the ETag of the current version, or If-None-Match: *."""

    code: ClassVar[str] = "precondition_required"


# The status of the nearest class in an error's ancestry applies.
STATUS: Mapping[type[FlamebotError], HTTPStatus] = {
    Malformed: HTTPStatus.BAD_REQUEST,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    Conflict: HTTPStatus.CONFLICT,
    IdempotencyInFlight: HTTPStatus.CONFLICT,
    PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    AccountIncomplete: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownWorkflowType: HTTPStatus.UNPROCESSABLE_ENTITY,
    IdempotencyKeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    PreconditionRequired: HTTPStatus.PRECONDITION_REQUIRED,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    FlamebotError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
# A failover of the database takes longer; clients with backoff wait longer by themselves.
_RETRY_AFTER = {Unavailable: "5", IdempotencyInFlight: "1"}  # wall-clock seconds


def phrase(status: int) -> str:
    """Return a status's phrase in RFC 9110; Python before 3.13 has two older ones."""
    return {413: "Content Too Large", 422: "Unprocessable Content"}.get(status) or HTTPStatus(
        status
    ).phrase


def status_of(kind: type[FlamebotError]) -> HTTPStatus:
    """Return the HTTP status of a kind of error."""
    return next(STATUS[ancestor] for ancestor in kind.__mro__ if ancestor in STATUS)


def invalid(error: ValidationError, *prefix: str | int) -> Invalid:
    """Convert pydantic's errors; `prefix` is the path of the validated part of the request."""
    return Invalid(issues_of(error, *prefix))


def problem(error: FlamebotError, request_id: str) -> Response:
    """Return an error as a response. Details of internal errors (500) are left out."""
    status = status_of(type(error))
    internal = status is HTTPStatus.INTERNAL_SERVER_ERROR
    code = "internal" if internal else error.code
    headers = {"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store"}
    for kind, seconds in _RETRY_AFTER.items():
        if isinstance(error, kind):
            headers["Retry-After"] = seconds
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, Forbidden):
        headers["WWW-Authenticate"] = (
            f'Bearer error="insufficient_scope", scope="{error.context.get("scope", "")}"'
        )
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(_names(error.context.get("allow")))
    # The detail of an unexpected error may hold values of clients or of the database.
    body: dict[str, object] = {
        "type": f"/problems/{code}",
        "title": phrase(status),
        "status": int(status),
        "detail": str(FlamebotError.__doc__) if internal else error.detail,
        "code": code,
        "requestId": request_id,
        "errors": [
            {"pointer": issue.pointer, "detail": issue.detail}
            for issue in _issues(error)[:MAX_ISSUES]
        ],
    }
    if "allowed" in error.context:
        body["allowed"] = sorted(_names(error.context["allowed"]))
    if error.context.get("live_workflow_id"):
        body["liveWorkflowId"] = str(error.context["live_workflow_id"])
    return Response(status=int(status), body=body, headers=headers)


def _issues(error: FlamebotError) -> list[ValidationIssue]:
    return error.issues if isinstance(error, Invalid) else []


def _names(value: object) -> Iterable[str]:
    return [str(name) for name in value] if isinstance(value, (list, tuple, set, frozenset)) else []
