"""Identifiers as types of their own: the type checker refuses one where another is meant.

They are constructed where raw values enter: a message is decoded, a row is read, a request is
parsed.
"""

from __future__ import annotations

from typing import Literal, NewType

TaskId = NewType("TaskId", str)  # "{instance id}:{sequence}"; the Idempotency-Key of its write
InstanceId = NewType("InstanceId", str)  # a UUID
AccountId = NewType("AccountId", str)  # the client's own, such as "fb-0001"
IdField = Literal["accountId", "flamebotId"]  # the names under which imports accept an account's id
DefinitionId = NewType("DefinitionId", int)  # of one definition version


def instance_of(task_id: TaskId) -> InstanceId:
    """Return the id of the instance that a task belongs to."""
    return InstanceId(task_id.rpartition(":")[0])


def sequence_of(task_id: TaskId) -> int:
    """Return the task's number in its instance, from 1."""
    return int(task_id.rpartition(":")[2])


def id_field(row: object) -> IdField:
    """Return the name under which a row of an import gives its account's id."""
    return "flamebotId" if isinstance(row, dict) and "flamebotId" in row else "accountId"
