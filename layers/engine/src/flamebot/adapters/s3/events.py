"""The messages of the import queue: upload events of S3, and the engine's own wake-up messages."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import unquote_plus
from uuid import UUID

from flamebot.domain.import_message import decode

PREFIX: Final = "imports/"
"""The prefix of every object key; the import's id follows."""


def import_ids(body: str) -> list[str] | None:
    """Return the imports that a message names, or None when the message is unreadable.

    Of an upload event only the import's id is used, never the bucket or the key: a forged event
    must not choose which object is read.
    """
    if import_id := decode(body):
        return [import_id]
    try:
        document = json.loads(body)
        # S3 sends this once, when the bucket's notification is configured.
        if document.get("Event") == "s3:TestEvent":
            return []
        return [found for record in document["Records"] if (found := _import_id(record))]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _import_id(record: dict[str, Any]) -> str | None:
    """Return the import of an event's object, or None when the object belongs to no import."""
    # S3 encodes keys as in a form: `+` for a space, percent-encoding for the rest.
    # docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    key = unquote_plus(record["s3"]["object"]["key"])
    try:
        return str(UUID(key.removeprefix(PREFIX))) if key.startswith(PREFIX) else None
    except ValueError:
        return None
