"""The step function: runs the tasks that a batch of SQS messages points at."""

from __future__ import annotations

from typing import Any

from flamebot import bootstrap

bootstrap.prepare(bootstrap.step, bootstrap.actions, clients=["sqs", "dynamodb"])


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401  # Lambda's context has no type of its own
    """Answer which messages failed; every other task's fate is known, or left to its lease."""
    with bootstrap.telemetry("step").invocation(context):
        bodies = {record["messageId"]: record["body"] for record in event["Records"]}
        failed = bootstrap.step().run(bodies, lambda: context.get_remaining_time_in_millis() / 1000)
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
