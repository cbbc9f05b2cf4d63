"""Responses of handlers, and their form for API Gateway."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

SECURITY_HEADERS = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A status, a JSON body (None for no body) and headers, which override the security headers."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_gateway(self, request_id: str) -> dict[str, Any]:
        """Return the response of an HTTP API in payload format 2.0."""
        headers = {**SECURITY_HEADERS, "X-Request-Id": request_id}
        if self.body is not None:
            headers["Content-Type"] = "application/json"
        # Last, so that a handler may allow caching or set another content type.
        headers.update(self.headers)
        text = (
            ""
            if self.body is None
            else json.dumps(self.body, separators=(",", ":"), allow_nan=False)
        )
        return {
            "statusCode": self.status,
            "headers": headers,
            "body": text,
            "isBase64Encoded": False,
        }


def respond(
    model: type[BaseModel],
    value: object,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a response in the form of its model; fields that the model lacks are left out."""
    # Only fields of the model leave the engine: a new column is internal until a model names it.
    body = model.model_validate(value, from_attributes=True).model_dump(by_alias=True, mode="json")
    return Response(status=status, body=body, headers=headers or {})
