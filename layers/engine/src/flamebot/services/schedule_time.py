"""Schedule time between two responses of the database."""

from __future__ import annotations

from datetime import datetime, timedelta

from flamebot.ports.clock import Clock


class ScheduleTime:
    """The schedule clock's time.

    Where the database's clock is the schedule clock, this is its last known time plus the time
    that has passed since. Safe for threads: the anchor is replaced as a whole.
    """

    def __init__(self, clock: Clock) -> None:
        """Start with this machine's time, which is close enough until the database responds."""
        self._clock = clock
        self._anchor = (clock.wall(), clock.monotonic())

    def synchronize(self, now: datetime) -> None:
        """Continue from the time that the database reported."""
        self._anchor = (now, self._clock.monotonic())  # guard: time-of-the-database

    def now(self) -> datetime:
        """Return the present schedule time."""
        scheduled = self._clock.now()
        if scheduled is not None:
            return scheduled
        said, at = self._anchor
        return said + timedelta(seconds=(self._clock.monotonic() - at) * self._clock.rate)

    def seconds_until(self, due: datetime) -> float:
        """Return the wall-clock seconds until a schedule time; negative when it is past."""
        return (due - self.now()).total_seconds() / self._clock.rate
