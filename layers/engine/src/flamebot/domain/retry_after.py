"""Retry-After: the wait that a service requests in a response (RFC 9110, section 10.2.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

_LONGEST: Final = timedelta(days=1)
# Fractions are not in the RFC, and services send them nevertheless.
_SECONDS: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?", re.ASCII)


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Parse a Retry-After header, in seconds or as a date; None if it is neither.

    Args:
        value: The header.
        now: Wall time, which a date is compared with.

    Returns:
        The wait, at most a day: no service can keep a step waiting for ever.
    """
    if value is None:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return min(timedelta(seconds=float(text)), _LONGEST)  # guard: longest-wait
    if text.isascii() and text.isdecimal():
        return _LONGEST
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(until - now, timedelta()), _LONGEST)
