"""What a handler answers, and how the gateway wants it."""

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
class Answer:
    """Status, JSON body (None: none) and headers; these win over the ones that every answer carries."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_gateway(self, request_id: str) -> dict[str, Any]:
        """The answer in the shape of an HTTP API, payload format 2.0."""
        headers = {**SECURITY_HEADERS, "X-Request-Id": request_id}
        if self.body is not None:
            headers["Content-Type"] = "application/json"
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


def told(
    model: type[BaseModel],
    value: object,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """An answer in its model: what the model does not name stays inside."""
    body = model.model_validate(value, from_attributes=True).model_dump(by_alias=True, mode="json")
    return Answer(status=status, body=body, headers=headers or {})
