"""The schedule clock: it may run faster than wall time and be moved forwards, but never back.

The clock is one small file that the stack writes and every function reads:
schedule time = anchorSchedule + (wall time - anchorWall) * speed, in seconds since the epoch.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

FASTEST = 1_000_000.0


@dataclass(frozen=True, slots=True)
class Anchor:
    """A moment on both clocks, in seconds since the epoch, and the speed from there on."""

    anchorWall: float  # noqa: N815  # the names in the file
    anchorSchedule: float  # noqa: N815
    speed: float

    def at(self, wall: float) -> float:
        """Return the schedule time at a wall time; before the anchor it stands still."""
        return self.anchorSchedule + max(0.0, wall - self.anchorWall) * self.speed

    def reset(self, wall: float, *, speed: float, forwards: float = 0.0) -> Anchor:
        """Return the clock from a wall time on, with this speed and moved by `forwards` seconds."""
        return Anchor(max(wall, self.anchorWall), self.at(wall) + forwards, speed)

    @classmethod
    def read(cls, path: Path) -> Anchor:
        """Read a clock's file. Raises `OSError`, or `ValueError` if the file holds no clock."""
        try:
            document = json.loads(path.read_text())
            anchor = cls(
                float(document["anchorWall"]),
                float(document["anchorSchedule"]),
                float(document["speed"]),
            )
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} is not a schedule clock") from error
        if not 0 < anchor.speed <= FASTEST:
            raise ValueError(f"{path} is not a schedule clock: its speed is {anchor.speed}")
        return anchor

    def write(self, path: Path) -> None:
        """Replace the clock's file atomically, so that a reader gets the old or the new clock."""
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(self)))
        temporary.replace(path)


class ScheduleClock:
    """The only writer of the clock's file. Safe to use from several threads."""

    def __init__(self, path: Path, speed: float, *, wall: Callable[[], float] = time.time) -> None:
        """Continue the clock of the file with this speed, or begin at wall time without a file.

        Raises:
            ValueError: The speed is out of range, or the file is not a clock.
        """
        if not 0 < speed <= FASTEST:
            raise ValueError(
                f"The speed must be more than 0 and at most {FASTEST:,.0f}, not {speed}"
            )
        self.path = path
        self._wall = wall
        self._changed = threading.Condition()
        now = wall()
        before = Anchor.read(path) if path.exists() else Anchor(now, now, speed)
        self._set(before.reset(now, speed=speed))

    @property
    def speed(self) -> float:
        """Seconds of schedule time in a wall-clock second."""
        return self._anchor.speed

    def now(self) -> float:
        """Return the schedule time in seconds since the epoch."""
        return self._anchor.at(self._wall())

    def advance(self, seconds: float) -> float:
        """Move schedule time forwards, wake every waiter, and return the new time.

        Raises:
            ValueError: `seconds` is negative or a hundred years or more.
        """
        if not 0 <= seconds < 100 * 366 * 86400:
            raise ValueError(
                "The clock only goes forwards, and by less than a hundred years at once"
            )
        with self._changed:
            self._set(self._anchor.reset(self._wall(), speed=self._anchor.speed, forwards=seconds))
            self._changed.notify_all()
            return self.now()

    def rest(self) -> None:
        """Run at wall speed while the stack is stopped; after a crash the old speed continued."""
        with self._changed:
            self._set(self._anchor.reset(self._wall(), speed=1.0))

    def wait_until(self, due: float, *, at_most: float, stopped: Callable[[], bool]) -> bool:
        """Wait for a schedule time, at most `at_most` wall-clock seconds; return if it came."""
        give_up = time.monotonic() + at_most
        with self._changed:
            while (left := (due - self.now()) / self.speed) > 0:
                timeout = give_up - time.monotonic()
                if timeout <= 0 or stopped():
                    return False
                self._changed.wait(min(left, timeout))
        return True

    def wake(self) -> None:
        """Wake every waiter so that it notices that the stack is stopping."""
        with self._changed:
            self._changed.notify_all()

    def _set(self, anchor: Anchor) -> None:
        anchor.write(self.path)
        self._anchor = anchor


def engine_clock(path: str | os.PathLike[str] | None) -> Callable[[], float]:
    """Return a function for the schedule time in another process.

    It reads the clock's file again whenever the file changes; without a file it is wall time.
    """
    if path is None:
        return time.time
    file = Path(path)
    seen: tuple[int, Anchor] | None = None

    def now() -> float:
        nonlocal seen
        changed = file.stat().st_mtime_ns
        if seen is None or seen[0] != changed:
            seen = (changed, Anchor.read(file))
        return seen[1].at(time.time())

    return now
