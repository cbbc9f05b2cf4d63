"""Responses of the actions service, which is not trusted.

Shapes are checked, texts are made storable and lengths are bounded. A response that cannot be read
is an unknown outcome: the service may have done what was requested.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, NoReturn

from flamebot.domain.errors import OutcomeUnknown
from flamebot.ports.actions_service import AccountStatus, Job

_STATUSES: Final = ("pending", "running", "succeeded", "failed", "cancelled")
_ID_LENGTH: Final = 200
_ERROR_LENGTH: Final = 500
_LONGEST_RETRY_AFTER: Final = timedelta(days=1)


def read_object(content: bytes) -> dict[str, Any]:
    """Return the JSON object of a response. Raises `OutcomeUnknown` if it is anything else."""
    try:
        response = _storable(
            json.loads(content, parse_constant=_refuse_constant, object_pairs_hook=_each_name_once)
        )
    except (ValueError, RecursionError):
        # Not JSON, not UTF-8, a number of thousands of digits, or very deep nesting.
        unreadable("not JSON")
    if not isinstance(response, dict):
        unreadable("not a JSON object")
    return response


def account_status(response: Mapping[str, Any]) -> AccountStatus:
    """Return the account's status. Raises `OutcomeUnknown`."""
    status = response.get("status")
    if status not in ("active", "suspended"):
        unreadable("unknown account status")
    return "suspended" if status == "suspended" else "active"


def job_id(response: Mapping[str, Any]) -> str:
    """Return the id of a job. It becomes part of paths and rows, so it is short and printable."""
    found = response.get("taskId")
    if not isinstance(found, str) or not 0 < len(found) <= _ID_LENGTH or not found.isprintable():
        unreadable("no usable taskId")
    return found


def job(response: object) -> Job:
    """Return a job, with at most 500 characters of its error."""
    if not isinstance(response, dict):
        unreadable("a task that is not an object")
    status, result, error = response.get("status"), response.get("result"), response.get("error")
    if status not in _STATUSES:
        unreadable("unknown task status")
    if result is not None and not isinstance(result, dict):
        unreadable("a result that is not an object")
    return Job(
        job_id=job_id(response),
        status=status,
        result=result or {},
        error=error[:_ERROR_LENGTH] if isinstance(error, str) else None,
    )


def jobs(response: Mapping[str, Any]) -> Job | None:
    """Return the job of a look-up by key; None if there is none."""
    items = response.get("items")
    if not isinstance(items, list):
        unreadable("no items")
    return job(items[0]) if items else None


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Parse a Retry-After header, in seconds or as a date; None if it is neither.

    Args:
        value: The header.
        now: Wall time.

    Returns:
        The wait, at most a day: no service can keep a step waiting for ever.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdecimal():
        return min(timedelta(seconds=int(text[:9])), _LONGEST_RETRY_AFTER)  # guard: longest-wait
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(until - now, timedelta()), _LONGEST_RETRY_AFTER)


def unreadable(what: str) -> NoReturn:
    """Raise `OutcomeUnknown`: the response does not say what the service did."""
    # Without the cause: a parser's error quotes the response.
    raise OutcomeUnknown(  # guard: unreadable-is-unknown
        f"The actions service's response cannot be read: {what}."
    ) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity: neither is JSON, and Postgres refuses them


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a duplicate name")  # readers differ in which of the two they use
    return members


def _storable(value: Any) -> Any:  # noqa: ANN401  # JSON
    """Return the value as Postgres can store it.

    NUL and halves of surrogate pairs are replaced; infinite numbers raise `ValueError`.
    """
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(name): _storable(item) for name, item in value.items()}
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise ValueError("not a number")
    return value
