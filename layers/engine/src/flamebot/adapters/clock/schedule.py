"""The local stack's schedule clock: a file has when it was set and how fast it runs."""

from __future__ import annotations

import json
import math
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flamebot.domain.errors import Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    anchor_wall: float  # epoch seconds
    anchor_schedule: float  # epoch seconds
    speed: float

    def at(self, wall: float) -> float:
        return self.anchor_schedule + (wall - self.anchor_wall) * self.speed


class ScheduleClock:
    """Schedule time as the local stack sets it, shared by all function processes through a file.

    The stack replaces the file as a whole, and it is read again when it has changed. While it
    cannot be read, the last setting stays. Within a process schedule time never decreases, whatever
    the file or the system's clock does.
    """

    def __init__(self, path: str | Path) -> None:
        """Set the file, which is read at the first use. Threads may share a clock."""
        self._path = Path(path)
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._setting: _Setting | None = None
        self._latest = -math.inf

    @property
    def rate(self) -> float:
        """Return schedule seconds per wall-clock second, as set at the moment."""
        with self._lock:
            return self._current().speed

    def now(self) -> datetime:
        """Return schedule time. Raises `Unavailable` if the file has never been readable."""
        with self._lock:
            self._latest = max(self._latest, self._current().at(time.time()))
            return datetime.fromtimestamp(self._latest, UTC)

    def wall(self) -> datetime:
        """Return the machine's wall time in UTC."""
        return datetime.now(UTC)  # noqa: TID251  # this is the clock that all other code uses

    def monotonic(self) -> float:
        """Return wall-clock seconds since an arbitrary start."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep for so many wall-clock seconds; a negative number is zero."""
        time.sleep(max(seconds, 0.0))

    def _current(self) -> _Setting:
        try:
            status = self._path.stat()
            # The inode too: two replacements may have the same time stamp.
            stamp = (status.st_mtime_ns, status.st_ino)
            if stamp != self._stamp:
                self._setting = self._read()
                self._stamp = stamp
        except (OSError, ValueError, KeyError, TypeError):
            pass  # the stack is restarting: the last setting stays
        if self._setting is None:
            raise Unavailable(f"The schedule clock's file cannot be read: {self._path}")
        return self._setting

    def _read(self) -> _Setting:
        document = json.loads(self._path.read_text(encoding="utf-8"))
        setting = _Setting(
            anchor_wall=float(document["anchorWall"]),
            anchor_schedule=float(document["anchorSchedule"]),
            speed=float(document["speed"]),
        )
        if not (
            math.isfinite(setting.anchor_wall)
            and math.isfinite(setting.anchor_schedule)
            and 0 < setting.speed < math.inf
        ):
            raise ValueError("not a clock setting")
        return setting
