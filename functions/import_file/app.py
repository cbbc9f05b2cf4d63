"""The import of files: a file was uploaded, or an import must continue."""

from __future__ import annotations

from typing import Any

from flamebot import bootstrap
from flamebot.adapters.s3.events import import_ids


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401  # Lambda's context has no type of its own
    """Process the imports that a batch of SQS messages names; return the messages that failed."""
    with bootstrap.telemetry("import_file").invocation(context):
        messages = {record["messageId"]: import_ids(record["body"]) for record in event["Records"]}
        failed = bootstrap.import_file().run(
            messages, lambda: context.get_remaining_time_in_millis() / 1000
        )
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
