"""Dice that always fall the same way for the same task."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

_RESOLUTION = 2**53


@dataclass(frozen=True, slots=True)
class TaskRandom:
    """A source of reproducible numbers, seeded by the id of the task that decides.

    Stateless on purpose: what is drawn for one purpose never depends on what was drawn before it, so a
    planner that asks in another order after a deploy still gets the same numbers.
    """

    seed: str

    def fraction(self, *purpose: object) -> float:
        """TaskRandom from [0, 1) for a purpose, such as `("delay", "swipe")`."""
        text = "\x1f".join([self.seed, *map(str, purpose)])
        digest = hashlib.sha256(text.encode()).digest()
        return int.from_bytes(digest[:8], "big") % _RESOLUTION / _RESOLUTION

    def integer(self, low: int, high: int, *purpose: object) -> int:
        """TaskRandom uniformly from low to high, both included."""
        return low + int(self.fraction(*purpose) * (high - low + 1))
