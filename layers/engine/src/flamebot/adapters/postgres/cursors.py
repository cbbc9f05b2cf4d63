"""Cursors: where a list goes on. Opaque to clients; they hold the last row's place in the order, nothing else."""

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
    """The cursor of a row."""
    plain = [part.isoformat() if isinstance(part, datetime) else part for part in parts]
    return (
        base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode())
        .decode()
        .rstrip("=")
    )


def decode(cursor: str, *parts: Part) -> tuple[Any, ...]:
    """The place that a cursor names, each part read by its reader. Raises `Invalid`."""
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
    """A time with its zone."""
    if not isinstance(part, str):
        raise TypeError
    at = datetime.fromisoformat(part)
    if at.tzinfo is None:
        raise ValueError(part)
    return at.astimezone(UTC)  # Postgres takes no zone further off than sixteen hours


def identifier(part: object) -> str:
    """A UUID."""
    return str(UUID(part if isinstance(part, str) else ""))


def number(part: object) -> int:
    """A sequence number as Postgres can hold it."""
    if not isinstance(part, int) or isinstance(part, bool) or not 0 <= part < 2**63:
        raise TypeError
    return part
