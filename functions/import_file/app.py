"""The import of files: a file is there, or an import is to go on."""

from __future__ import annotations

from typing import Any

from flamebot import bootstrap


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401  # Lambda's context has no type of its own
    """Answer which messages should come again; every import's checkpoint is in the database."""
    with bootstrap.telemetry("import_file").invocation(context):
        bodies = {record["messageId"]: record["body"] for record in event["Records"]}
        failed = bootstrap.import_file().run(
            bodies, lambda: context.get_remaining_time_in_millis() / 1000
        )
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
