"""The machine, and how much of it other processes used during a measurement."""

from __future__ import annotations

import os
import platform
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_SAMPLE_SECONDS = 2.0


def description() -> dict[str, object]:
    """Return the facts about the machine that a reader of the figures needs."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in _read("/proc/cpuinfo")
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    memory = next(
        (int(line.split()[1]) for line in _read("/proc/meminfo") if line.startswith("MemTotal")), 0
    )
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**20, 1),
        "system": platform.release(),
        "python": platform.python_version(),
    }


class Others:
    """How many cores other processes used during a block.

    Busy time less this process and its descendants.

    The last moments of a descendant that ended between two samples count as foreign; that is
    little.
    """

    def __init__(self) -> None:
        """Start without any samples of the machine."""
        self.cores = 0.0
        self._stop = threading.Event()
        self._shares: list[float] = []
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        """Take the first sample of the machine."""
        self._watcher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the last sample and store the difference."""
        self._stop.set()
        self._watcher.join()
        self.cores = sum(self._shares) / len(self._shares) if self._shares else 0.0

    def _watch(self) -> None:
        cores = os.cpu_count() or 1
        busy, total = _machine()
        mine = _family()
        while not self._stop.wait(_SAMPLE_SECONDS):
            next_busy, next_total = _machine()
            now = _family()
            own = sum(spent - mine.get(pid, 0) for pid, spent in now.items())
            if next_total > total:
                self._shares.append(
                    max(0.0, (next_busy - busy - own) / (next_total - total) * cores)
                )
            busy, total, mine = next_busy, next_total, now


def processor_seconds() -> float:
    """Return the processor time of this process and its living descendants."""
    return sum(_family().values()) / os.sysconf("SC_CLK_TCK")


def _machine() -> tuple[int, int]:
    fields = [int(field) for field in _read("/proc/stat")[0].split()[1:9]]
    total = sum(fields)
    return total - fields[3] - fields[4], total


def _family() -> dict[int, int]:
    """Return the processor time in ticks of this process and its descendants."""
    parents: dict[int, int] = {}
    spent: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has just ended
                continue
            parents[int(folder.name)] = int(fields[1])
            spent[int(folder.name)] = int(fields[11]) + int(fields[12])
    family, more = {os.getpid()}, True
    while more:
        children = {pid for pid, parent in parents.items() if parent in family} - family
        family, more = family | children, bool(children)
    return {pid: spent[pid] for pid in family if pid in spent}


def _read(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
