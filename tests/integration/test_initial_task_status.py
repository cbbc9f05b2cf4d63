"""initial_task_status: the status in which a task is inserted or rescheduled."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.support.builders import HORIZON, NOON, after
from tests.support.databases import TestDatabase

SOON, LATER = after(seconds=119), after(seconds=120)


@pytest.mark.parametrize(
    ("instance_status", "phase", "run", "at", "engine_paused", "expected"),
    [
        ("active", "submit", True, NOON, False, "running"),
        ("active", "submit", True, after(seconds=1), False, "queued"),
        ("active", "submit", False, NOON, False, "queued"),
        ("active", "timer", False, SOON, False, "queued"),
        ("active", "timer", False, LATER, False, "pending"),
        ("active", "submit", True, NOON, True, "pending"),
        ("active", "timer", False, SOON, True, "pending"),
        ("paused", "submit", True, NOON, False, "held"),
        ("paused", "timer", False, LATER, True, "held"),
        ("stopping", "cancel", False, NOON, True, "queued"),
        ("stopping", "cancel", False, LATER, True, "pending"),
        ("paused", "cancel", False, NOON, True, "queued"),
        ("active", "cancel", True, NOON, True, "running"),
    ],
)
def test_each_status(  # noqa: PLR0917  # a row of the table above
    database: TestDatabase,
    instance_status: str,
    phase: str,
    run: bool,
    at: datetime,
    engine_paused: bool,
    expected: str,
) -> None:
    """Running when requested and due, queued within the horizon, held while paused.

    No pause affects a cancel.
    """
    status = database.value(
        "select initial_task_status(%s, %s, %s, %s, %s, %s, %s)",
        (instance_status, phase, run, at, NOON, HORIZON, engine_paused),
    )
    assert status == expected
