"""control_state: whether the engine is paused."""

from __future__ import annotations

from tests.support.builders import after
from tests.support.databases import TestDatabase
from tests.support.stores import ALICE, control


def test_it_tells_the_pause(database: TestDatabase) -> None:
    """The engine is not paused at first; a pause is reported with its begin."""
    assert control(database).control_state() == {"paused": False, "paused_at": None, "paused_ms": 0}
    control(database, after(minutes=2)).pause_all(ALICE)
    assert control(database).control_state() == {
        "paused": True,
        "paused_at": after(minutes=2),
        "paused_ms": 0,
    }
