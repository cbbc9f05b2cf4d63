"""The step queue: a hint that something is due. Losing it loses nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message: its body and after how many whole wall-clock seconds (0 to 900) it may be seen."""

    body: str
    delay_seconds: int


class StepQueue(Protocol):
    """Where claimed tasks are sent."""

    def send(self, messages: Sequence[Message]) -> int:
        """Send in batches; answer how many were accepted.

        Never raises for a failed send: the rows stay queued and are sent again once their lease is over.
        """
        ...
