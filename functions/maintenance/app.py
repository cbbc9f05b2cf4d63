"""The maintenance function: health check, gauges and retention, every few minutes."""

from __future__ import annotations

from typing import Any

from flamebot import bootstrap


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401  # Lambda's context has no type of its own
    """Run one maintenance pass and return its report."""
    with bootstrap.telemetry("maintenance").invocation(context):
        return bootstrap.maintenance().run(lambda: context.get_remaining_time_in_millis() / 1000)
