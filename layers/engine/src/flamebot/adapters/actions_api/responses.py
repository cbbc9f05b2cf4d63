"""Responses of the actions service, which is not trusted.

Shapes are checked, texts are made storable and lengths are bounded. A response that cannot be read
is an unknown outcome: the service may have done what was requested.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from flamebot.domain.errors import ResponseUnreadable
from flamebot.domain.numbers import whole_number
from flamebot.ports.actions_service import AccountStatus, Job

_STATUSES: Final = ("pending", "running", "succeeded", "failed", "cancelled")
_SAFE: Final = 2**53
_ID_LENGTH: Final = 200
_ERROR_LENGTH: Final = 500
# A problem's code is shown to operators: letters and underscores only, so that it holds no secret.
_CODE: Final = re.compile(r"[a-z][a-z_]{0,63}")
# Its title too, which is the same for every occurrence (RFC 9457): letters and blanks only, so that
# it can hold neither a number nor an address nor a key.
_TITLE: Final = re.compile(r"[A-Za-z]+(?: [A-Za-z]+){0,11}")
_TITLE_LENGTH: Final = 80


def read_object(content: bytes) -> dict[str, Any]:
    """Return the JSON object of a response. Raises `ResponseUnreadable` if it is another."""
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
    """Return the account's status. Raises `ResponseUnreadable`."""
    status = response.get("status")
    if status not in ("active", "suspended"):
        unreadable("unknown account status")
    return "suspended" if status == "suspended" else "active"


def job_id(response: Mapping[str, Any]) -> str:
    """Return the id of a job. It becomes part of paths and rows, so it is short and printable.

    A number is accepted too: many services count their tasks.
    """
    found = response.get("taskId")
    number = whole_number(found)
    # Above 2^53 a float no longer names one number.
    if number is not None and (isinstance(found, int) or abs(number) < _SAFE):
        found = str(number)
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


def problem_code(content: bytes) -> str | None:
    """Return the `code` of a problem document in lower case; None if it has no usable one."""
    code = _problem(content).get("code")
    code = code.lower().replace("-", "_") if isinstance(code, str) else ""
    return code if _CODE.fullmatch(code) else None


def problem_title(content: bytes) -> str | None:
    """Return the `title` of a problem document; None if it has none that may be shown."""
    title = _problem(content).get("title")
    title = title.strip(" .") if isinstance(title, str) and len(title) <= _TITLE_LENGTH else ""
    return title if _TITLE.fullmatch(title) else None  # guard: title-holds-no-secret


def _problem(content: bytes) -> dict[str, Any]:
    try:
        problem = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return problem if isinstance(problem, dict) else {}


def unreadable(what: str) -> NoReturn:
    """Raise `ResponseUnreadable`: the response does not say what the service did."""
    # Without the cause: a parser's error quotes the response.
    raise ResponseUnreadable(  # guard: unreadable-is-unknown
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
