"""Errors as clients see them: `application/problem+json` (RFC 9457), from one table."""

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
from flamebot.http.answer import Answer

MEDIA_TYPE = "application/problem+json"
MAX_ISSUES = 100  # an answer that lists a million unknown fields would not fit through the gateway


class Malformed(FlamebotError):
    """The body is not JSON (UTF-8, each name once, finite numbers)."""

    code: ClassVar[str] = "malformed"


class Unauthenticated(FlamebotError):
    """A valid bearer token is needed."""

    code: ClassVar[str] = "unauthenticated"


class Forbidden(FlamebotError):
    """The token does not carry the scope that this call needs."""

    code: ClassVar[str] = "forbidden"


class MethodNotAllowed(FlamebotError):
    """This resource does not know the method."""

    code: ClassVar[str] = "method_not_allowed"


class TooLarge(FlamebotError):
    """A request is at most 5 MB."""

    code: ClassVar[str] = "too_large"


class UnsupportedMediaType(FlamebotError):
    """The body must be sent as application/json, in UTF-8 and without a content encoding."""

    code: ClassVar[str] = "unsupported_media_type"


class PreconditionRequired(FlamebotError):
    """Say which version you change: If-Match with its ETag, or If-None-Match: * for the first one."""

    code: ClassVar[str] = "precondition_required"


# The nearest class in an error's ancestry decides.
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
_RETRY_AFTER = {Unavailable: "5", IdempotencyInFlight: "1"}  # wall-clock seconds


def phrase(status: int) -> str:
    """What a status is called in RFC 9110. Python's own table has the older names of two of them before 3.13."""
    return {413: "Content Too Large", 422: "Unprocessable Content"}.get(status) or HTTPStatus(
        status
    ).phrase


def status_of(error: FlamebotError) -> HTTPStatus:
    """The HTTP status that the table gives an error."""
    return next(STATUS[ancestor] for ancestor in type(error).__mro__ if ancestor in STATUS)


def invalid(error: ValidationError, *prefix: str | int) -> Invalid:
    """What pydantic found, as issues; `prefix` says where in the request it looked."""
    return Invalid(issues_of(error, *prefix))


def problem(error: FlamebotError, request_id: str) -> Answer:
    """An error as an answer. What is wrong inside (500) stays inside."""
    status = status_of(error)
    inside = status is HTTPStatus.INTERNAL_SERVER_ERROR
    code = "internal" if inside else error.code
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
    body: dict[str, object] = {
        "type": f"/problems/{code}",
        "title": phrase(status),
        "status": int(status),
        "detail": str(FlamebotError.__doc__) if inside else error.detail,
        "code": code,
        "requestId": request_id,
        "errors": [
            {"pointer": issue.pointer, "detail": issue.detail}
            for issue in _issues(error)[:MAX_ISSUES]
        ],
    }
    if "allowed" in error.context:
        body["allowed"] = sorted(_names(error.context["allowed"]))
    return Answer(status=int(status), body=body, headers=headers)


def _issues(error: FlamebotError) -> list[ValidationIssue]:
    return error.issues if isinstance(error, Invalid) else []


def _names(value: object) -> Iterable[str]:
    return [str(name) for name in value] if isinstance(value, (list, tuple, set, frozenset)) else []
