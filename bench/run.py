"""One run of the benchmarks: what the measurements share."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from devstack.postgres import Server


@dataclass(slots=True)
class Run:
    """The server, the time limits, and the values that measurements leave for each other."""

    server: Server
    results: Path
    long: bool = False
    quick: bool = False
    begun: float = field(default_factory=time.monotonic)
    facts: dict[str, float] = field(default_factory=dict)

    def seconds(self, usual: int) -> int:
        """Return how long to measure."""
        return max(2, usual // 4) if self.quick else usual

    def size(self, usual: int, *, least: int = 200) -> int:
        """How much to measure with.

        A twentieth in a quick run, which shows that the harness works and nothing else.
        """
        return max(least, usual // 20) if self.quick else usual

    def remember(self, name: str, value: float) -> None:
        """Store a number for other measurements of this run."""
        self.facts[name] = value

    def say(self, text: str) -> None:
        """Print a line of progress for people."""
        print(f"[{time.monotonic() - self.begun:6.0f} s] {text}", flush=True)
