"""The import by request: store accounts and start their workflows."""

from __future__ import annotations

from typing import Any

from flamebot import bootstrap


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the response to one request of the HTTP API (payload format 2.0)."""
    with bootstrap.telemetry("import_accounts").invocation(context):
        return bootstrap.import_router().handle(event)
