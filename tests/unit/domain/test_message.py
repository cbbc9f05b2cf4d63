"""Messages: pointers, read only by code that knows their shape."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flamebot.domain.message import TaskPointer, UnreadableMessage, decode, encode
from flamebot.domain.task import Phase

POINTER = TaskPointer(task_id="i:1", fence=7, account_id="acc", phase=Phase.SUBMIT, due=datetime(2030, 1, 1, tzinfo=UTC))


def test_what_is_sent_is_read() -> None:
    """And nothing but the pointer: whether it travels alone is the sender's matter."""
    assert decode(encode([POINTER])) == [POINTER]


def test_a_message_of_another_version_is_left() -> None:
    """During a deploy the code that knows it reads it; the other one fails it, so that it comes again."""
    with pytest.raises(UnreadableMessage):
        decode(encode([POINTER]).replace('"v":1', '"v":2'))
