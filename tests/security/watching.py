"""What a process does behind a call: its connections and its memory."""

from __future__ import annotations

import sys
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_watchers: list[set[tuple[str, int]]] = []
_guard = threading.Lock()


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watchers or event not in ("socket.connect", "socket.getaddrinfo"):
        return
    address = arguments[1] if event == "socket.connect" else arguments[:2]
    if isinstance(address, tuple):
        with _guard:
            for seen in _watchers:
                seen.add((str(address[0]), int(address[1] or 0)))


# permanent: an audit hook cannot be removed; without a watcher it does nothing
sys.addaudithook(_hook)


@contextmanager
def connections() -> Iterator[set[tuple[str, int]]]:
    """Collect every address that Python code of this process looks up or connects to."""
    seen: set[tuple[str, int]] = set()
    with _guard:
        _watchers.append(seen)
    try:
        yield seen
    finally:
        with _guard:
            _watchers.remove(seen)


class Peak:
    """The peak of Python's allocated memory in bytes."""

    bytes = 0


@contextmanager
def memory() -> Iterator[Peak]:
    """Measure the peak of allocated memory."""
    peak = Peak()
    tracemalloc.start()
    try:
        yield peak
        peak.bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
