"""Schedule time between two answers of the database."""

from __future__ import annotations

from datetime import datetime, timedelta

from flamebot.ports.clock import Clock


class ScheduleTime:
    """The schedule clock's time; where the database's clock is the schedule clock, what it last said and the time since.

    Threads may share it.
    """

    def __init__(self, clock: Clock) -> None:
        """Begin with this machine's time, which is close enough until the database has spoken."""
        self._clock = clock
        self._anchor = (clock.wall(), clock.monotonic())

    def seen(self, now: datetime) -> None:
        """Take the database's word for it."""
        self._anchor = (now, self._clock.monotonic())

    def now(self) -> datetime:
        """Schedule time."""
        scheduled = self._clock.now()
        if scheduled is not None:
            return scheduled
        said, at = self._anchor
        return said + timedelta(seconds=(self._clock.monotonic() - at) * self._clock.rate)

    def seconds_until(self, due: datetime) -> float:
        """Real seconds that are left; negative when it is past."""
        return (due - self.now()).total_seconds() / self._clock.rate
