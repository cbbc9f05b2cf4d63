"""Reads the functions' logs during a run: counts events and searches for secrets."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from pathlib import Path

CANARY = "chaos-canary-7f3a91"  # part of every credential

_EVENTS = {
    "reclaimed": "reclaimed",
    "commit_unknown": "commit left unknown",
    "not_begun": "message dropped at begin",
    "begin_failed": "begin failed",
    "nothing_begun": "batch returned",
    "locks_unavailable": "lock table unavailable",
    "lock_left_to_expire": "lock left to expire",
    "send_incomplete": "send incomplete",
    "delivery_failed": "delivery failed",
    "phase_failed": "phase failed",
    "not_planned": "not planned",
    "commit_refused": "commit refused as bad",
    "task_ran": "tasks run",
}
_EVENT = re.compile(r'"message":"(\w+)"')


class LogReader:
    """Continues reading where it stopped. A log must be read before it is rotated away."""

    def __init__(self, directory: Path) -> None:
        """Create a reader that has read nothing."""
        self._directory = directory
        self._read: dict[Path, tuple[int, int]] = {}  # inode and offset
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.leaks: list[str] = []

    def read(self) -> None:
        """Count the lines written since the last call."""
        with self._lock:
            for path in sorted(self._directory.glob("*.log")):
                self._read_on(path)

    def _read_on(self, path: Path) -> None:
        inode, offset = self._read.get(path, (0, 0))
        status = path.stat()
        if status.st_ino != inode or status.st_size < offset:
            offset = 0
        with path.open("rb") as file:
            file.seek(offset)
            for raw in file:
                if not raw.endswith(b"\n"):
                    break
                offset += len(raw)
                self._line(path.stem, raw.decode(errors="replace"))
        self._read[path] = (status.st_ino, offset)

    def _line(self, name: str, line: str) -> None:
        if CANARY in line:
            self.leaks.append(f"{name}: {line[:300]}")
        if "Task timed out after" in line:
            self.counts["killed at its timeout"] += 1
        event = found[1] if (found := _EVENT.search(line)) else None
        if event in _EVENTS:
            self.counts[_EVENTS[event]] += 1
        if event == "task_ran":
            self.counts["stale commit refused"] += _field(line, "accepted") is False


def _field(line: str, name: str) -> object:
    try:
        return json.loads(line).get(name)
    except ValueError:
        return None
