"""release_import: the turn is given back, if it is still ours."""

from __future__ import annotations

from tests.support.databases import TestDatabase
from tests.support.imports import admin, begun, outlive, row_of, worker
from tests.support.stores import ALICE


def test_the_next_one_need_not_wait_for_the_lease(database: TestDatabase) -> None:
    """It begins at once."""
    turn = begun(database)
    worker(database).release_import(turn)
    assert begun(database, turn.import_id).fence > turn.fence


def test_a_turn_that_was_lost_is_not_given_back(database: TestDatabase) -> None:
    """Nor does it wake what is over."""
    old = begun(database)
    outlive(database)
    new = begun(database, old.import_id)
    worker(database).release_import(old)
    assert (
        worker(database).begin_import(old.import_id, "018f3a5e-0000-4000-8000-000000000009")
        == "running"
    )
    admin(database).cancel_import(new.import_id, ALICE)
    worker(database).release_import(new)
    assert row_of(database, new.import_id)["status"] == "cancelled"
