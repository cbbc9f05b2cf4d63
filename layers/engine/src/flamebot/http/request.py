"""Read a gateway event (HTTP API, payload format 2.0) as a request.

Only the claims that the gateway verified are trusted.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote
from uuid import uuid4

from flamebot.domain.errors import Invalid, ValidationIssue
from flamebot.domain.pointers import pointer
from flamebot.domain.storable import text_issue
from flamebot.http.documents import parse
from flamebot.http.problems import Malformed, TooLarge, Unauthenticated, UnsupportedMediaType
from flamebot.ports.admin_store import Caller

MAX_BODY = 5 * 1024 * 1024
# What is safe in a header, a log line and a shell. Anything else is replaced by the gateway's id.
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,127}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An authorized request whose query and body are valid.

    `document` is the body as parsed JSON, `body` the same in its model.
    """

    request_id: str
    actor: str
    scopes: tuple[str, ...] = ()  # those that the token grants, without the prefix
    path: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    query: Any = None
    body: Any = None
    document: Any = None

    def caller(self) -> Caller:
        """Return actor and reason, for the audit log."""
        reason = getattr(self.body, "reason", None)
        return Caller(actor=self.actor, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """An event in its parts, before any validation."""

    method: str
    segments: tuple[str, ...]
    headers: Mapping[str, str]
    request_id: str
    event: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Raw:
        """Read what every response needs. Does not raise for bad input."""
        context = event.get("requestContext") or {}
        http = context.get("http") or {}
        headers = {
            str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()
        }
        given = headers.get("x-request-id", "")
        made = str(context.get("requestId") or uuid4())
        path = str(event.get("rawPath") or http.get("path") or "/")
        # API Gateway puts the stage before the path, except for the stage $default.
        stage = str(context.get("stage") or "$default")
        if stage != "$default":
            path = path.removeprefix(f"/{stage}")
        return cls(
            method=str(http.get("method") or "").upper(),
            # Split before decoding: an encoded slash belongs to an id.
            segments=tuple(unquote(part) for part in path.split("/")[1:]),
            headers=headers,
            request_id=given if _REQUEST_ID.fullmatch(given) else made,
            event=event,
        )

    def claims(self) -> Mapping[str, Any]:
        """Return the claims that the gateway verified. Raises `Unauthenticated`."""
        authorizer = (self.event.get("requestContext") or {}).get("authorizer") or {}
        claims = (authorizer.get("jwt") or {}).get("claims")
        if not isinstance(claims, dict) or not (claims.get("sub") or claims.get("client_id")):
            raise Unauthenticated
        return claims

    def query(self) -> dict[str, str]:
        """Return the query parameters. Raises `Malformed`, or `Invalid` for one given twice."""
        # The raw string, not queryStringParameters: there the gateway joins repeated parameters.
        try:
            pairs = parse_qsl(
                str(self.event.get("rawQueryString") or ""),
                keep_blank_values=True,
                max_num_fields=50,
            )
        except ValueError:
            raise Malformed("The query string holds too many parameters.") from None
        query: dict[str, str] = {}
        for name, value in pairs:
            if name in query:
                raise Invalid([ValidationIssue(pointer(name), "Must be given once.")])
            if text_issue((), name) or text_issue((), value):
                raise Invalid([ValidationIssue(pointer(name), "Must not hold NUL.")])
            query[name] = value
        return query

    def content(self) -> bytes:
        """Return the body's bytes. Raises `TooLarge`, `Malformed`."""
        body = self.event.get("body") or ""
        if not self.event.get("isBase64Encoded"):
            # Half a surrogate pair is no UTF-8: it is passed on here and refused by the parser.
            raw = body.encode("utf-8", "surrogatepass")
        elif len(body) > MAX_BODY * 3 // 2:  # more than the limit even before decoding
            raise TooLarge
        else:
            try:
                raw = base64.b64decode(body, validate=True)
            except (binascii.Error, ValueError):
                raise Malformed("The body is not valid base64.") from None
        if len(raw) > MAX_BODY:
            raise TooLarge
        return bytes(raw)

    def document(self, raw: bytes, *, rows: str | None = None) -> Any:  # noqa: ANN401  # JSON is anything
        """Return the body as JSON. Raises `UnsupportedMediaType`, `Malformed`, `Invalid`."""
        kind, *parameters = self.headers.get("content-type", "").lower().split(";")
        charsets = [
            value.strip(' "')
            for name, _, value in (part.partition("=") for part in parameters)
            if name.strip() == "charset"
        ]
        encoding = self.headers.get("content-encoding", "").strip().lower()
        if (
            kind.strip() != "application/json"
            or any(c not in ("utf-8", "utf8") for c in charsets)
            or encoding not in ("", "identity")
        ):
            raise UnsupportedMediaType
        return parse(raw, rows=rows)
