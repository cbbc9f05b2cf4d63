"""The response of a custom resource to CloudFormation, which waits for it.

The event contains the URL for the response. It is used only if it is CloudFormation's own bucket:
no event can make this function send a request elsewhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from flamebot.domain.errors import FlamebotError

# Never changed: CloudFormation would delete the resource of the old id.
_PHYSICAL_ID: Final = "flamebot-migration"
_BUCKET: Final = re.compile(
    r"cloudformation-custom-resource-response-[a-z0-9]+\.s3"
    r"(?:[.-][a-z]{2}(?:-[a-z]+)+-[0-9])?\.amazonaws\.com(?:\.cn)?",
)
_REASON_LIMIT: Final = 1000  # a response may have 4096 bytes in all

Json = dict[str, Any]
Put = Callable[[str, bytes], None]


class ResponseUrlRefused(FlamebotError):
    """The event's ResponseURL is not in CloudFormation's bucket. Nothing was done or sent."""

    code = "response_url_refused"


def put(url: str, body: bytes) -> None:
    """Send a response to a presigned URL, which allows no content type and no redirect."""
    with httpx.Client(
        timeout=10, follow_redirects=False, transport=httpx.HTTPTransport(retries=3)
    ) as client:
        client.put(url, content=body).raise_for_status()


def serve(
    event: Mapping[str, Any], work: Callable[[], Mapping[str, Any]], *, send: Put = put
) -> Json:
    """Do the work of a create or an update, nothing for a delete, and send the response.

    Args:
        event: The event of CloudFormation.
        work: Does the work and returns data for the response. It has to be idempotent:
            CloudFormation may repeat an event.
        send: Sends a body to a URL; replaced in tests.

    Returns:
        The response that was sent.

    Raises:
        ResponseUrlRefused: Nothing was done or sent.
    """
    url = _checked(event.get("ResponseURL"))
    status, reason, data = "SUCCESS", "", {}
    if event.get("RequestType") in {"Create", "Update"}:
        try:
            data = dict(work())
        except FlamebotError as error:
            status, reason = "FAILED", f"{error.code}: {error.detail}"
        except Exception as error:  # noqa: BLE001  # else CloudFormation waits for an hour
            status, reason = "FAILED", _kind_of(error)
    response = {
        "Status": status,
        "Reason": reason[:_REASON_LIMIT],
        "PhysicalResourceId": event.get("PhysicalResourceId") or _PHYSICAL_ID,
        "StackId": event.get("StackId"),
        "RequestId": event.get("RequestId"),
        "LogicalResourceId": event.get("LogicalResourceId"),
        "Data": {name: json.dumps(value) for name, value in data.items()},
    }
    send(url, json.dumps(response).encode())
    return response


def _kind_of(error: Exception) -> str:
    """Return the kind of a failure. Its text may hold an address, a statement or a value."""
    code = getattr(error, "pgcode", None)
    if code is None:
        return type(error).__name__
    # Class 42: the statement does not fit the schema. Its message names tables and columns only.
    message = (
        getattr(getattr(error, "diag", None), "message_primary", None)
        if code.startswith("42")
        else None
    )
    return f"{type(error).__name__}: SQLSTATE {code}" + (f", {message}" if message else "")


def _checked(url: object) -> str:
    if not isinstance(url, str):
        raise ResponseUrlRefused
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ResponseUrlRefused from None
    plain = parts.scheme == "https" and port in {None, 443} and "@" not in parts.netloc
    if not plain or not _BUCKET.fullmatch(parts.hostname or ""):
        raise ResponseUrlRefused
    return url
