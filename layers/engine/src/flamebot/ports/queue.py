"""The port of the queues. The state is in the tables, so losing a message is safe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message, visible after a delay of 0 to 900 whole wall-clock seconds."""

    body: str
    delay_seconds: int


class StepQueue(Protocol):
    """The queue of claimed tasks, or of imports to continue."""

    def send(self, messages: Sequence[Message]) -> int:
        """Send messages in batches and return how many were accepted.

        Does not raise for a failed send: the rows stay queued, and their tasks are sent again after
        their leases.
        """
        ...
