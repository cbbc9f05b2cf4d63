"""Cursors of paged lists: the sort key of the last row on a page, opaque to clients."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flamebot.domain.errors import Invalid, ValidationIssue

Part = Callable[[Any], object]
_POINTER = "/cursor"


def encode(*parts: datetime | str | int) -> str:
    """Return the cursor of a row, from its sort key."""
    plain = [part.isoformat() if isinstance(part, datetime) else part for part in parts]
    return (
        base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode())
        .decode()
        .rstrip("=")
    )


def decode(cursor: str, *parts: Part) -> tuple[Any, ...]:
    """Return the sort key in a cursor, each part converted by its reader.

    Raises:
        Invalid: The cursor is malformed, or of another list.
    """
    try:
        plain = json.loads(
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        )
        if not isinstance(plain, list) or len(plain) != len(parts):
            raise ValueError(cursor)
        return tuple(read(part) for read, part in zip(parts, plain, strict=True))
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
        raise Invalid([ValidationIssue(_POINTER, "Must be a nextCursor of this list.")]) from None


def moment(part: object) -> datetime:
    """Read a time, which must have a zone, and return it in UTC."""
    if not isinstance(part, str):
        raise TypeError
    at = datetime.fromisoformat(part)
    if at.tzinfo is None:
        raise ValueError(part)
    return at.astimezone(UTC)  # Postgres refuses offsets beyond sixteen hours


def identifier(part: object) -> str:
    """Read a UUID and return it as text."""
    return str(UUID(part if isinstance(part, str) else ""))


def number(part: object) -> int:
    """Read a sequence number that fits into a bigint of Postgres."""
    if not isinstance(part, int) or isinstance(part, bool) or not 0 <= part < 2**63:
        raise TypeError
    return part
