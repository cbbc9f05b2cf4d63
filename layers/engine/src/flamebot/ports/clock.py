"""The port of the clock: schedule time, by which tasks are due, and wall time, for all else."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Schedule time and wall time. They differ on the local stack only."""

    @property
    def rate(self) -> float:
        """Return schedule seconds per wall-clock second; 1.0 except on the local stack."""
        ...

    def now(self) -> datetime | None:
        """Return schedule time for `p_now` of SQL; None where the database's clock is used."""
        ...

    def wall(self) -> datetime:
        """Return the machine's wall time in UTC."""
        ...

    def monotonic(self) -> float:
        """Return wall-clock seconds since an arbitrary start; they never decrease."""
        ...

    def sleep(self, seconds: float) -> None:
        """Sleep for so many wall-clock seconds."""
        ...
