"""The system's clock; on AWS the database's clock is schedule time."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """Wall time is the machine's; schedule time is left to the database."""

    @property
    def rate(self) -> float:
        """Return 1: a schedule second is a wall-clock second."""
        return 1.0

    def now(self) -> None:
        """Return None: SQL reads the database's clock, so that all machines agree."""
        return

    def wall(self) -> datetime:
        """Return the machine's wall time in UTC."""
        return datetime.now(UTC)  # noqa: TID251  # this is the clock that all other code uses

    def monotonic(self) -> float:
        """Return wall-clock seconds since an arbitrary start."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep for so many wall-clock seconds; a negative number is zero."""
        time.sleep(max(seconds, 0.0))
