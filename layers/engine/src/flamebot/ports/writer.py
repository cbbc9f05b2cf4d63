"""The port of the writers, which generate texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from flamebot.domain.action import TextBrief


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A generated text, not checked yet, and its cost in tokens."""

    text: str
    tokens: int = 0


class Writer(Protocol):
    """Generates one text per call. Used by several threads at once."""

    def write(self, brief: TextBrief) -> Written:
        """Return a text of the brief's kind.

        Raises:
            WriterWait: The service cannot be used now; this is no attempt.
            WriterRefused: The service refuses to write it, and would refuse again.
            WriterError: Another attempt may succeed.
        """
        ...
