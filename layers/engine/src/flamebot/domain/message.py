"""The messages of the step queue: pointers to tasks, never content."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from flamebot.domain.ids import AccountId, TaskId
from flamebot.domain.task import PHASES, Phase

VERSION = 1
_MOST = 2**63  # fences and sequences are bigint in the database
_LONGEST = 200  # characters of an id


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPointer:
    """A claimed task on its way to the step function."""

    task_id: TaskId
    fence: int
    account_id: AccountId
    phase: Phase
    due: datetime
    # Reclaimed before, so it travels in a message of its own. Not part of the message.
    alone: bool = False


class UnreadableMessage(ValueError):
    """The message has a version or a shape that this code does not know."""


def encode(pointers: Iterable[TaskPointer]) -> str:
    """Return the body of one message."""
    tasks = [[p.task_id, p.fence, p.account_id, p.phase.value, p.due.isoformat()] for p in pointers]
    return json.dumps({"v": VERSION, "tasks": tasks}, separators=(",", ":"))


def decode(body: str) -> list[TaskPointer]:
    """Return the pointers of one message. Raises `UnreadableMessage`."""
    try:
        document = json.loads(body)
        if document["v"] != VERSION:  # guard: message-version
            raise UnreadableMessage(f"version {document['v']!r:.40}")
        return [_pointer(*task) for task in document["tasks"]]
    except UnreadableMessage:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadableMessage(type(error).__name__) from error


def _pointer(
    task_id: object, fence: object, account: object, phase: object, due: object
) -> TaskPointer:
    """Return one pointer if the database can look up every part of it.

    Raises:
        ValueError: A part is out of its range.
        TypeError: A part has another type.
    """
    if not (
        isinstance(task_id, str)
        and isinstance(account, str)
        and isinstance(phase, str)
        and type(fence) is int
        and 0 <= fence < _MOST
    ):
        raise TypeError("a part has another type")
    if any(len(text) > _LONGEST or not text.isprintable() for text in (task_id, account)):
        raise ValueError("an id that no task or account can have")
    sequence = task_id.rpartition(":")[2]
    if not (sequence.isascii() and sequence.isdecimal() and int(sequence) < _MOST):
        raise ValueError("a task id without a sequence")
    at = datetime.fromisoformat(str(due))
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return TaskPointer(
        task_id=TaskId(task_id),
        fence=fence,
        account_id=AccountId(account),
        phase=PHASES[phase],
        due=at,
    )
