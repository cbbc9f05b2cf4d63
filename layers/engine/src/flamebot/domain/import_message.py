"""A message of the import queue: look at this import. From S3, whose file is there, or from us. It is a hint: losing one loses nothing."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote_plus
from uuid import UUID

PREFIX = "imports/"
"""What stands before an import's id in the key of its file."""


def encode(import_id: str) -> str:
    """Our own hint."""
    return json.dumps({"v": 1, "importId": import_id}, separators=(",", ":"))


def decode(body: str) -> list[str] | None:
    """The imports to look at; None when the message is neither ours nor S3's.

    Of S3's events only the key counts, and of the key only the id: which file is read is never an input's to say.
    """
    try:
        document = json.loads(body)
        if not isinstance(document, dict):
            return None
        if document.get("Event") == "s3:TestEvent":  # S3 makes sure that the queue is there
            return []
        if "importId" in document:
            return [str(UUID(document["importId"]))]
        return [found for record in document["Records"] if (found := _id_of(record))]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _id_of(record: dict[str, Any]) -> str | None:
    """The import of an event; None for a file that is nobody's."""
    key = unquote_plus(record["s3"]["object"]["key"])
    try:
        return str(UUID(key.removeprefix(PREFIX))) if key.startswith(PREFIX) else None
    except ValueError:
        return None
