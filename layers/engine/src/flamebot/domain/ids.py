"""Identifiers as types of their own: the type checker refuses one where another is meant.

They are constructed where raw values enter: a message is decoded, a row is read, a request is
parsed.
"""

from __future__ import annotations

from typing import NewType

TaskId = NewType("TaskId", str)  # "{instance id}:{sequence}"; the Idempotency-Key of its write
InstanceId = NewType("InstanceId", str)  # a UUID
AccountId = NewType("AccountId", str)  # the client's own, such as "fb-0001"
DefinitionId = NewType("DefinitionId", int)  # of one definition version


def instance_of(task_id: TaskId) -> InstanceId:
    """Return the id of the instance that a task belongs to."""
    return InstanceId(task_id.rpartition(":")[0])


def sequence_of(task_id: TaskId) -> int:
    """Return the task's number in its instance, from 1."""
    return int(task_id.rpartition(":")[2])
