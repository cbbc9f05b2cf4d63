"""Who writes texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from flamebot.domain.action import TextBrief


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A text as it came, unchecked, and what it cost."""

    text: str
    tokens: int = 0


class Writer(Protocol):
    """Writes one text per call."""

    def write(self, brief: TextBrief) -> Written:
        """Write. Raises `WriterError` (may be tried again), `WriterRefused` (may not)."""
        ...
