"""What went wrong, told in three lines: what, why, and what to do next; and the exit codes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """What the process answers."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    NOT_FOUND = 3
    AUTH = 4
    CONFLICT = 5
    PARTIAL = 6  # some items were done, some were not
    UNHEALTHY = 7  # status --check
    INTERRUPTED = 130


@dataclass(eq=False)
class Failure(Exception):
    """The command cannot do what was asked."""

    what: str
    why: str
    next: str | None = None
    exit: Exit = Exit.FAILURE
    request_id: str | None = None
    status: int | None = None
    code: str | None = None
    errors: list[dict[str, str]] = field(default_factory=list)  # {pointer, detail}
    retry_after: float | None = None  # seconds

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        told = {
            "what": self.what,
            "why": self.why,
            "next": self.next,
            "status": self.status,
            "code": self.code,
            "requestId": self.request_id,
        }
        return {
            "error": {name: value for name, value in told.items() if value is not None}
            | {"errors": self.errors}
        }

    def lines(self) -> list[str]:
        """For people."""
        told = [f"error: {self.what}", f"  why:  {self.why}"]
        told += [
            f"        {error.get('pointer') or '(whole)'}  {error.get('detail', '')}"
            for error in self.errors
        ]
        if self.next:
            told.append(f"  next: {self.next}")
        if self.request_id:
            told.append(f"  request: {self.request_id}")
        return told
