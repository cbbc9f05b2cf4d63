"""The errors of each operation for OpenAPI: a status has a schema that lists its codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from flamebot.domain.errors import (
    FlamebotError,
    IdempotencyInFlight,
    Invalid,
    StoreUnavailable,
    Unavailable,
)
from flamebot.http.endpoint import Endpoint
from flamebot.http.problems import (
    Forbidden,
    Malformed,
    TooLarge,
    Unauthenticated,
    UnsupportedMediaType,
    status_of,
)

Errors: TypeAlias = tuple[type[FlamebotError], ...]

# Any call may fail validation, in the engine, or for want of a dependency.
_OF_EVERY_CALL: Errors = (Malformed, Invalid, FlamebotError, StoreUnavailable, Unavailable)
_WITH_BODY: Errors = (TooLarge, UnsupportedMediaType)
_WITH_SCOPE: Errors = (Unauthenticated, Forbidden)


def errors_of(endpoint: Endpoint) -> Mapping[int, Errors]:
    """Return the errors that a call may have, by status."""
    every: list[type[FlamebotError]] = [
        *_OF_EVERY_CALL,
        *(_WITH_BODY if endpoint.body else ()),
        *(_WITH_SCOPE if endpoint.scope else ()),
        *endpoint.errors,
    ]
    by_status: dict[int, list[type[FlamebotError]]] = {}
    # Sorted: calls that have the same errors then share one schema.
    for error in sorted(every, key=lambda error: error.code):
        by_status.setdefault(int(status_of(error)), []).append(error)
    return {status: tuple(errors) for status, errors in by_status.items()}


def is_repeatable_later(errors: Errors) -> bool:
    """Return whether every one of these errors is sent with `Retry-After`."""
    return all(issubclass(error, Unavailable | IdempotencyInFlight) for error in errors)


def schema_name(errors: Errors) -> str:
    """Return the name of the schema for these errors: NotAllowedOrRevisionConflictProblem."""
    names = ("".join(word.capitalize() for word in error.code.split("_")) for error in errors)
    return "Or".join(names) + "Problem"


def schemas(endpoints: tuple[Endpoint, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and schema of every set of errors that some status of some call may have."""
    for errors in sorted(
        {e for endpoint in endpoints for e in errors_of(endpoint).values()}, key=schema_name
    ):
        codes = [error.code for error in errors]
        # A schema by code, not by operation: generators make a class of each.
        yield (
            schema_name(errors),
            {
                "description": "\n".join(f"- `{error.code}`: {error.__doc__}" for error in errors),
                "allOf": [
                    {"$ref": "#/components/schemas/Problem"},
                    {"type": "object", "properties": {"code": {"type": "string", "enum": codes}}},
                ],
            },
        )
