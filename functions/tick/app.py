"""The tick: brings what falls due to the step queue, once a minute."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flamebot import bootstrap

bootstrap.prepare(bootstrap.tick, clients=["sqs"])


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401  # Lambda's context has no type of its own
    """Answer what this tick did."""
    with bootstrap.telemetry("tick").invocation(context):
        tick = bootstrap.tick()
        report = tick.run()
        tick.watch(spent=report.seconds)
        return asdict(report)
