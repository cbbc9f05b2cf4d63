"""The real clock, which in production is the schedule clock too."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """Schedule time is the database's time; wall time is this machine's."""

    @property
    def rate(self) -> float:
        """One engine second is one real second."""
        return 1.0

    def now(self) -> None:
        """None: the database reads its own clock, so that no two machines have to agree."""
        return

    def wall(self) -> datetime:
        """Wall time, UTC."""
        return datetime.now(UTC)  # noqa: TID251  # this is the Clock that everybody else takes

    def monotonic(self) -> float:
        """Real seconds from an arbitrary start."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, in wall-clock seconds; a negative wait is none."""
        time.sleep(max(seconds, 0.0))
