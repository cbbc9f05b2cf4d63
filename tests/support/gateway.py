"""Events as the API gateway makes them, and telemetry that records what a handler reports."""

from __future__ import annotations

import base64
import json
from typing import Any

ALL_SCOPES = (
    "flamebot/read flamebot/accounts.write flamebot/workflows.write"
    " flamebot/definitions.write flamebot/admin"
)


class Remembering:
    """Telemetry for a test to inspect."""

    def __init__(self) -> None:
        self.metrics: list[tuple[str, float]] = []
        self.lines: list[tuple[str, dict[str, object]]] = []

    def count(self, name: str, value: float = 1, *, action: str | None = None) -> None:
        self.metrics.append((name, value))

    def seconds(self, name: str, value: float, *, action: str | None = None) -> None:
        self.metrics.append((name, value))

    def info(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))

    def warn(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))


def make_event(
    method: str,
    path: str,
    *,
    body: object = None,
    raw: str | bytes | None = None,
    query: str = "",
    headers: dict[str, str] | None = None,
    scopes: str | None = ALL_SCOPES,
    sub: str = "operator",
) -> dict[str, Any]:
    """Return an HTTP API event, payload format 2.0.

    `scopes` None: no token. Bytes travel as base64.
    """
    sent = {"content-type": "application/json"} if body is not None or raw is not None else {}
    text = json.dumps(body) if body is not None else raw
    encoded = isinstance(text, bytes)
    context: dict[str, Any] = {
        "http": {"method": method, "path": path},
        "requestId": "from-the-gateway",
        "stage": "$default",
    }
    if scopes is not None:
        context["authorizer"] = {"jwt": {"claims": {"sub": sub, "scope": scopes}, "scopes": None}}
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {**sent, **(headers or {})},
        "requestContext": context,
        "body": base64.b64encode(text).decode() if isinstance(text, bytes) else text,
        "isBase64Encoded": encoded,
    }
