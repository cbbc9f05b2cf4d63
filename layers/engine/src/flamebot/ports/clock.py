"""Two kinds of time: schedule time says when things are due, wall time says how long machinery may take."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The schedule clock and the real one."""

    @property
    def rate(self) -> float:
        """Engine seconds that pass in one real second; 1.0 anywhere but on the local stack."""
        ...

    def now(self) -> datetime | None:
        """Schedule time, to pass to SQL as `p_now`; None where the database's clock is the schedule clock."""
        ...

    def wall(self) -> datetime:
        """Wall time, UTC."""
        ...

    def monotonic(self) -> float:
        """Real seconds from an arbitrary start; never runs back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait, in wall-clock seconds."""
        ...
