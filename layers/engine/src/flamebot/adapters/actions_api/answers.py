"""What the actions service answers, read with suspicion: shapes are checked, texts are made storable, sizes are bounded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, NoReturn, cast

from flamebot.domain.errors import OutcomeUnknown
from flamebot.ports.actions_service import AccountStatus, Job

_STATUSES: Final = ("pending", "running", "succeeded", "failed", "cancelled")
_ID_LENGTH: Final = 200
_ERROR_LENGTH: Final = 500
_LONGEST_PATIENCE: Final = timedelta(days=1)


def document(content: bytes) -> dict[str, Any]:
    """The JSON object that an answer is. Raises `OutcomeUnknown`."""
    try:
        answer = _storable(
            json.loads(content, parse_constant=_refuse_constant, object_pairs_hook=_each_name_once)
        )
    except (
        ValueError,
        RecursionError,
    ):  # not JSON, not UTF-8, numbers of thousands of digits, brackets without end
        unreadable("no JSON that can be read")
    if not isinstance(answer, dict):
        unreadable("no JSON object")
    return answer


def account_status(answer: Mapping[str, Any]) -> AccountStatus:
    """The account's status."""
    status = answer.get("status")
    if status not in ("active", "suspended"):
        unreadable("no account status that we know")
    return cast("AccountStatus", status)


def job_id(answer: Mapping[str, Any]) -> str:
    """The id of accepted work; it becomes part of a path and of a row."""
    found = answer.get("taskId")
    if not isinstance(found, str) or not 0 < len(found) <= _ID_LENGTH or not found.isprintable():
        unreadable("no usable taskId")
    return found


def job(answer: object) -> Job:
    """A job, its error cut to a line that fits on a page."""
    if not isinstance(answer, dict):
        unreadable("a task that is no object")
    status, result, error = answer.get("status"), answer.get("result"), answer.get("error")
    if status not in _STATUSES:
        unreadable("no task status that we know")
    if result is not None and not isinstance(result, dict):
        unreadable("a result that is no object")
    return Job(
        job_id=job_id(answer),
        status=status,
        result=result or {},
        error=error[:_ERROR_LENGTH] if isinstance(error, str) else None,
    )


def jobs(answer: Mapping[str, Any]) -> Job | None:
    """The one job of a look-up, or None."""
    items = answer.get("items")
    if not isinstance(items, list):
        unreadable("no items")
    return job(items[0]) if items else None


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """A Retry-After in seconds or as a date, within a day; None for anything else."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdecimal():
        return min(timedelta(seconds=int(text[:9])), _LONGEST_PATIENCE)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(until - now, timedelta()), _LONGEST_PATIENCE)


def unreadable(what: str) -> NoReturn:
    """Raise `OutcomeUnknown`: the service answered, but not in a way that says what it did."""
    raise OutcomeUnknown(
        f"The actions service's answer cannot be read: {what}."
    ) from None  # a parser's error holds the answer


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are no JSON, and Postgres takes neither


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name twice")  # which of the two is meant, no two readers agree on
    return members


def _storable(value: Any) -> Any:  # noqa: ANN401  # JSON
    """The same, with what Postgres cannot store replaced: NUL and halves of surrogate pairs; endless numbers are refused."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(name): _storable(item) for name, item in value.items()}
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise ValueError("not a number")
    return value
