"""The version of a function's code: it changes when a file does, and a fresh environment starts."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

LOOK_SECONDS = 0.5


class CodeVersion:
    """The version of the Python files below some folders. Safe to use from several threads.

    The folders are read at most once per `look_seconds`, so that a busy function does not spend its
    time on them: reading the engine's sources takes about two milliseconds.
    """

    def __init__(self, folders: Sequence[Path], *, look_seconds: float = LOOK_SECONDS) -> None:
        """Read the folders for the first time."""
        self._folders = folders
        self._look_seconds = look_seconds
        self._lock = threading.Lock()
        self._looked_at = time.monotonic()
        self._fingerprint = self._read()
        self._version = 1

    def current(self) -> int:
        """Return a number that grows whenever a file was changed, added or removed."""
        with self._lock:
            now = time.monotonic()
            if now - self._looked_at >= self._look_seconds:
                self._looked_at = now
                fingerprint = self._read()
                if fingerprint != self._fingerprint:
                    self._fingerprint = fingerprint
                    self._version += 1
            return self._version

    def _read(self) -> frozenset[tuple[str, int, int]]:
        return frozenset(found for folder in self._folders for found in _files(str(folder)))


def _files(folder: str) -> Iterator[tuple[str, int, int]]:
    """Yield path, modification time and size of each Python file."""
    try:
        entries = list(os.scandir(folder))
    except OSError:  # removed between two looks
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if entry.name != "__pycache__":
                yield from _files(entry.path)
        elif entry.name.endswith(".py"):
            try:
                status = entry.stat()
            except OSError:  # an editor replaced it just now
                continue
            yield entry.path, status.st_mtime_ns, status.st_size
