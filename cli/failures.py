"""Errors in three lines (what failed, why, what to do next) and the exit codes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """The exit status of the process."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    NOT_FOUND = 3
    AUTH = 4
    CONFLICT = 5
    PARTIAL = 6  # some items succeeded, some failed
    UNHEALTHY = 7  # status --check
    INTERRUPTED = 130


@dataclass(eq=False)
class Failure(Exception):
    """The command failed. `errors` has dictionaries with `pointer` and `detail`.

    Those of a file have its `position` too.
    """

    what: str
    why: str
    next: str | None = None
    exit: Exit = Exit.FAILURE
    request_id: str | None = None
    status: int | None = None
    code: str | None = None
    errors: list[dict[str, str]] = field(default_factory=list)
    retry_after: float | None = None  # seconds

    def to_json(self) -> dict[str, Any]:
        """Return the failure as a document for programs."""
        fields = {
            "what": self.what,
            "why": self.why,
            "next": self.next,
            "status": self.status,
            "code": self.code,
            "requestId": self.request_id,
        }
        return {
            "error": {name: value for name, value in fields.items() if value is not None}
            | {"errors": self.errors}
        }

    def lines(self) -> list[str]:
        """Return the failure as lines for people."""
        lines = [f"error: {self.what}", f"  why:  {self.why}"]
        lines += [
            f"        {error.get('position') or error.get('pointer') or '(whole)'}"
            f"  {error.get('detail', '')}"
            for error in self.errors
        ]
        if self.next:
            lines.append(f"  next: {self.next}")
        if self.request_id:
            lines.append(f"  request: {self.request_id}")
        return lines
