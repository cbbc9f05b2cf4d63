"""The schedule clock: schedule time, which may run faster than wall time and be moved forwards, and never runs back.

It lives in one small file that the stack writes and every function reads:
engine now = anchorSchedule + (real now - anchorWall) * speed, all in seconds since the epoch.
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
    """A moment on both clocks, and how fast schedule time runs from there. Seconds since the epoch."""

    anchorWall: float  # noqa: N815  # the names in the file
    anchorSchedule: float  # noqa: N815
    speed: float

    def at(self, real: float) -> float:
        """Schedule time at a wall time; before the anchor it stands still."""
        return self.anchorSchedule + max(0.0, real - self.anchorWall) * self.speed

    def reset(self, real: float, *, speed: float, forwards: float = 0.0) -> Anchor:
        """The same clock, going on from a wall time with another speed, or from some engine seconds later."""
        return Anchor(max(real, self.anchorWall), self.at(real) + forwards, speed)

    @classmethod
    def read(cls, path: Path) -> Anchor:
        """Read a clock's file. Raises `OSError`, and `ValueError` for a file that is no clock."""
        try:
            document = json.loads(path.read_text())
            anchor = cls(
                float(document["anchorWall"]),
                float(document["anchorSchedule"]),
                float(document["speed"]),
            )
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} is no schedule clock") from error
        if not 0 < anchor.speed <= FASTEST:
            raise ValueError(f"{path} is no schedule clock: its speed is {anchor.speed}")
        return anchor

    def write(self, path: Path) -> None:
        """Replace the clock's file in one step: a reader sees the old clock or the new one."""
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(self)))
        temporary.replace(path)


class ScheduleClock:
    """The stack's own side of the clock; the only writer of its file."""

    def __init__(self, path: Path, speed: float, *, real: Callable[[], float] = time.time) -> None:
        """Take up the clock where its file says that it is by now, and go on with this speed. Raises `ValueError`."""
        if not 0 < speed <= FASTEST:
            raise ValueError(
                f"The speed must be more than 0 and at most {FASTEST:,.0f}, not {speed}"
            )
        self.path = path
        self._real = real
        self._changed = threading.Condition()
        now = real()
        before = Anchor.read(path) if path.exists() else Anchor(now, now, speed)
        self._set(before.reset(now, speed=speed))

    @property
    def speed(self) -> float:
        """Engine seconds in a real second."""
        return self._anchor.speed

    def now(self) -> float:
        """Schedule time, in seconds since the epoch."""
        return self._anchor.at(self._real())

    def advance(self, seconds: float) -> float:
        """Move schedule time forwards, wake whoever waits for it, and answer the new time. Raises `ValueError`."""
        if not 0 <= seconds < 100 * 366 * 86400:
            raise ValueError(
                "The clock only goes forwards, and by less than a hundred years at once"
            )
        with self._changed:
            self._set(self._anchor.reset(self._real(), speed=self._anchor.speed, forwards=seconds))
            self._changed.notify_all()
            return self.now()

    def rest(self) -> None:
        """Let the clock run at real speed while the stack is down. After a crash it has gone on at its own speed."""
        with self._changed:
            self._set(self._anchor.reset(self._real(), speed=1.0))

    def wait_until(self, engine: float, *, at_most: float, stopped: Callable[[], bool]) -> bool:
        """Wait until schedule time has come or wall-clock seconds have passed; whether it has come."""
        give_up = time.monotonic() + at_most
        with self._changed:
            while (left := (engine - self.now()) / self.speed) > 0:
                patience = give_up - time.monotonic()
                if patience <= 0 or stopped():
                    return False
                self._changed.wait(min(left, patience))
        return True

    def wake(self) -> None:
        """Have every waiter look again, because the stack is stopping."""
        with self._changed:
            self._changed.notify_all()

    def _set(self, anchor: Anchor) -> None:
        anchor.write(self.path)
        self._anchor = anchor


def engine_clock(path: str | os.PathLike[str] | None) -> Callable[[], float]:
    """Schedule time as another process sees it: by a clock's file, re-read when it changes; wall time without a file."""
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
