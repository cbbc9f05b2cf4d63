"""A custom resource's answer to CloudFormation, which waits for it.

The address to answer at stands in the event. It is used only if it is CloudFormation's own bucket: no event makes this
function call anywhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from flamebot.domain.errors import FlamebotError

_PHYSICAL_ID: Final = "flamebot-migration"  # one for ever: a changed id would make CloudFormation delete the old resource
_BUCKET: Final = re.compile(
    r"cloudformation-custom-resource-response-[a-z0-9]+\.s3(?:[.-][a-z]{2}(?:-[a-z]+)+-[0-9])?\.amazonaws\.com(?:\.cn)?",
)
_REASON_LIMIT: Final = 1000  # an answer may be 4096 bytes in all

Json = dict[str, Any]
Put = Callable[[str, bytes], None]


class AnswerAddressRefused(FlamebotError):
    """The event's ResponseURL is not CloudFormation's bucket; nothing was done and nothing was sent."""

    code = "answer_address_refused"


def put(url: str, body: bytes) -> None:
    """Send the answer: the signed address wants no content type and leads nowhere else."""
    with httpx.Client(
        timeout=10, follow_redirects=False, transport=httpx.HTTPTransport(retries=3)
    ) as client:
        client.put(url, content=body).raise_for_status()


def serve(
    event: Mapping[str, Any], work: Callable[[], Mapping[str, Any]], *, send: Put = put
) -> Json:
    """Do the work for a create or an update, nothing for a delete, and answer either way.

    Args:
        event: What CloudFormation sent.
        work: What there is to do; answers what it did. Run again, it must change nothing.
        send: Puts the answer at an address; replaced in tests.

    Returns:
        The answer that was sent.

    Raises:
        AnswerAddressRefused: Before anything else was done.
    """
    url = _address(event.get("ResponseURL"))
    status, reason, data = "SUCCESS", "", {}
    if event.get("RequestType") in {"Create", "Update"}:
        try:
            data = dict(work())
        except FlamebotError as error:
            status, reason = "FAILED", f"{error.code}: {error.detail}"
        except Exception as error:  # noqa: BLE001  # CloudFormation waits for an hour when it hears nothing
            status, reason = "FAILED", _nature(error)
    answer = {
        "Status": status,
        "Reason": reason[:_REASON_LIMIT],
        "PhysicalResourceId": event.get("PhysicalResourceId") or _PHYSICAL_ID,
        "StackId": event.get("StackId"),
        "RequestId": event.get("RequestId"),
        "LogicalResourceId": event.get("LogicalResourceId"),
        "Data": {name: json.dumps(value) for name, value in data.items()},
    }
    send(url, json.dumps(answer).encode())
    return answer


def _nature(error: Exception) -> str:
    """What kind of failure; never its text, which may hold an address, a statement or a value."""
    code = getattr(error, "pgcode", None)
    if code is None:
        return type(error).__name__
    # Class 42: the statement does not fit the schema. Its message names tables and columns, no values.
    message = (
        getattr(getattr(error, "diag", None), "message_primary", None)
        if code.startswith("42")
        else None
    )
    return f"{type(error).__name__}: SQLSTATE {code}" + (f", {message}" if message else "")


def _address(url: object) -> str:
    if not isinstance(url, str):
        raise AnswerAddressRefused
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AnswerAddressRefused from None
    plain = parts.scheme == "https" and port in {None, 443} and "@" not in parts.netloc
    if not plain or not _BUCKET.fullmatch(parts.hostname or ""):
        raise AnswerAddressRefused
    return url
