"""The local stack's schedule clock: a file says when it was set and how fast it runs."""

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
    anchor_real: float  # epoch seconds
    anchor_engine: float  # epoch seconds
    speed: float

    def at(self, real: float) -> float:
        return self.anchor_engine + (real - self.anchor_real) * self.speed


class ScheduleClock:
    """Schedule time as the local stack sets it; shared by every function process through one file.

    The file is replaced as a whole by the stack and read again when it changes; one that cannot be read leaves the setting
    before it in force. Within a process schedule time never runs back, whatever the file or the machine's clock does.
    """

    def __init__(self, path: str | Path) -> None:
        """Name the file; it is read at first use. Safe to share between threads."""
        self._path = Path(path)
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._setting: _Setting | None = None
        self._latest = -math.inf

    @property
    def rate(self) -> float:
        """Engine seconds per real second, as set now."""
        with self._lock:
            return self._current().speed

    def now(self) -> datetime:
        """Schedule time. Raises `Unavailable` when the file has never been readable."""
        with self._lock:
            self._latest = max(self._latest, self._current().at(time.time()))
            return datetime.fromtimestamp(self._latest, UTC)

    def wall(self) -> datetime:
        """Wall time, UTC."""
        return datetime.now(UTC)  # noqa: TID251  # this is the Clock that everybody else takes

    def monotonic(self) -> float:
        """Real seconds from an arbitrary start."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, in wall-clock seconds; a negative wait is none."""
        time.sleep(max(seconds, 0.0))

    def _current(self) -> _Setting:
        try:
            status = self._path.stat()
            # The inode too: two replacements within one tick of the file system's clock are still seen.
            stamp = (status.st_mtime_ns, status.st_ino)
            if stamp != self._stamp:
                self._setting = self._read()
                self._stamp = stamp
        except (OSError, ValueError, KeyError, TypeError):
            pass  # the stack is being restarted, or the file is not whole: go on as before
        if self._setting is None:
            raise Unavailable(f"The schedule clock's file cannot be read: {self._path}")
        return self._setting

    def _read(self) -> _Setting:
        document = json.loads(self._path.read_text(encoding="utf-8"))
        setting = _Setting(
            anchor_real=float(document["anchorWall"]),
            anchor_engine=float(document["anchorSchedule"]),
            speed=float(document["speed"]),
        )
        if not (
            math.isfinite(setting.anchor_real)
            and math.isfinite(setting.anchor_engine)
            and 0 < setting.speed < math.inf
        ):
            raise ValueError("not a clock setting")
        return setting
