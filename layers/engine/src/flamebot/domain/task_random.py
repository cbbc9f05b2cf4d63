"""Random numbers that are always the same for the same task."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

_RESOLUTION = 2**53


@dataclass(frozen=True, slots=True)
class TaskRandom:
    """A source of reproducible random numbers, seeded by the id of the task that was run.

    It has no state: the number for one purpose does not depend on earlier numbers. A planner that
    asks in another order after a deploy still gets the same ones.
    """

    seed: str

    def fraction(self, *purpose: object) -> float:
        """Return a number from [0, 1) for a purpose, such as `("delay", "swipe")`."""
        # A digest instead of `random.Random`: its numbers are the same in every version of Python.
        text = "\x1f".join([self.seed, *map(str, purpose)])
        digest = hashlib.sha256(text.encode()).digest()
        return int.from_bytes(digest[:8], "big") % _RESOLUTION / _RESOLUTION

    def integer(self, low: int, high: int, *purpose: object) -> int:
        """Return a uniformly distributed integer from low to high, both included."""
        return low + int(self.fraction(*purpose) * (high - low + 1))
