"""The api function: reads and controls workflows, definitions and accounts."""

from __future__ import annotations

from typing import Any

from flamebot import bootstrap


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the response to one request of the HTTP API (payload format 2.0)."""
    with bootstrap.telemetry("api").invocation(context):
        return bootstrap.api_router().handle(event)
