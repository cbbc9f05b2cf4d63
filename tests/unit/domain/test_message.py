"""Messages of the step queue: pointers, read only by code that knows their version."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from flamebot.domain.ids import AccountId, TaskId
from flamebot.domain.message import TaskPointer, UnreadableMessage, decode, encode
from flamebot.domain.task import Phase

POINTER = TaskPointer(
    task_id=TaskId("i:1"),
    fence=7,
    account_id=AccountId("acc"),
    phase=Phase.SUBMIT,
    due=datetime(2030, 1, 1, tzinfo=UTC),
)


def test_what_is_sent_is_read() -> None:
    """The pointer is unchanged; whether it travels alone is not part of the message."""
    assert decode(encode([POINTER])) == [POINTER]


def test_a_message_of_another_version_is_left() -> None:
    """During a deploy the old code fails a new message, so that the new code receives it."""
    with pytest.raises(UnreadableMessage):
        decode(encode([POINTER]).replace('"v":1', '"v":2'))


@pytest.mark.parametrize(
    "task",
    [
        ["i:1", 7, "acc", "submit"],
        [1, 7, "acc", "submit", "2030-01-01T00:00:00+00:00"],
        ["i:1", 7.5, "acc", "submit", "2030-01-01T00:00:00+00:00"],
        ["i:1", True, "acc", "submit", "2030-01-01T00:00:00+00:00"],
        ["i:1", -1, "acc", "submit", "2030-01-01T00:00:00+00:00"],
        ["i:1", 2**63, "acc", "submit", "2030-01-01T00:00:00+00:00"],
        ["i:1", 7, "acc\0", "submit", "2030-01-01T00:00:00+00:00"],
        ["i:1", 7, "\ud800", "submit", "2030-01-01T00:00:00+00:00"],
        ["i:1", 7, "a" * 201, "submit", "2030-01-01T00:00:00+00:00"],
        ["i:x", 7, "acc", "submit", "2030-01-01T00:00:00+00:00"],
        ["i", 7, "acc", "submit", "2030-01-01T00:00:00+00:00"],
        ["i:" + "9" * 100, 7, "acc", "submit", "2030-01-01T00:00:00+00:00"],
        ["i:\u0661", 7, "acc", "submit", "2030-01-01T00:00:00+00:00"],
        ["i:1", 7, "acc", "dance", "2030-01-01T00:00:00+00:00"],
        ["i:1", 7, "acc", "submit", "2030-01-01T00:00:00"],
        ["i:1", 7, "acc", "submit", "tomorrow"],
    ],
)
def test_a_pointer_that_none_can_have_sent_is_unreadable(task: list[object]) -> None:
    """It would raise an error in the database, for all pointers of the batch."""
    good = json.loads(encode([POINTER]))["tasks"]
    with pytest.raises(UnreadableMessage):
        decode(json.dumps({"v": 1, "tasks": [*good, task]}))
