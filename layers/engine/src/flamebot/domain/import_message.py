"""The wake-up message of the import queue: process this import.

The table holds the state of an import, and maintenance sends a wake-up message for every import
that needs one. So a lost message costs time, and a duplicate delivery is a no-op.
"""

from __future__ import annotations

import json
from uuid import UUID


def encode(import_id: str) -> str:
    """Return the body of a wake-up message."""
    return json.dumps({"v": 1, "importId": import_id}, separators=(",", ":"))


def decode(body: str) -> str | None:
    """Return the import's id, or None when the body is no wake-up message."""
    try:
        return str(UUID(json.loads(body)["importId"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
