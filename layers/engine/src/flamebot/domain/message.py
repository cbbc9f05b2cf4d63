"""What travels over the step queue: pointers, never content."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from flamebot.domain.task import Phase

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPointer:
    """A claimed task on its way to the step function."""

    task_id: str
    fence: int
    account_id: str
    phase: Phase
    due: datetime
    alone: bool = False  # taken over before: travels in a message of its own. Not part of the message.


class UnreadableMessage(ValueError):
    """The message is not of a version or shape that this code knows."""


def encode(pointers: Iterable[TaskPointer]) -> str:
    """The body of one message."""
    tasks = [[p.task_id, p.fence, p.account_id, p.phase.value, p.due.isoformat()] for p in pointers]
    return json.dumps({"v": VERSION, "tasks": tasks}, separators=(",", ":"))


def decode(body: str) -> list[TaskPointer]:
    """The pointers of one message. Raises `UnreadableMessage`."""
    try:
        document = json.loads(body)
        if document["v"] != VERSION:
            raise UnreadableMessage(f"version {document['v']!r:.40}")
        return [
            TaskPointer(
                task_id=str(task_id), fence=int(fence), account_id=str(account), phase=Phase(phase), due=datetime.fromisoformat(due)
            )
            for task_id, fence, account, phase, due in document["tasks"]
        ]
    except UnreadableMessage:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadableMessage(type(error).__name__) from error
