"""cancel_import: once it answers, no further row is stored."""

from __future__ import annotations

from uuid import uuid4

import pytest

from flamebot.domain.errors import NotAllowed, NotFound
from tests.support.databases import TestDatabase, start
from tests.support.imports import a_chunk, a_row, admin, announce, begun, log, row_of, store, worker
from tests.support.stores import ALICE


def test_what_was_stored_stays_and_nothing_comes_after(database: TestDatabase) -> None:
    """The worker's next chunk is refused, and it says why."""
    turn = begun(database)
    store(database, turn, a_row("a"), to=10)
    admin(database).cancel_import(turn.import_id, ALICE)
    refused = worker(database).import_chunk(turn, a_chunk(turn, a_row("b"), from_byte=10, to=20))
    assert (refused.applied, refused.status) == (False, "cancelled")
    assert database.value("select array_agg(flamebot_id) from accounts") == ["a"]


def test_a_chunk_that_is_being_stored_comes_first(database: TestDatabase) -> None:
    """The answer waits for it: after the answer nothing is at work."""
    turn = begun(database)
    one, other = database.session(), database.session()
    one.begin()
    one.rows("select 1 from imports where id = %s for no key update", (turn.import_id,))
    waiting = start(
        lambda: other.value("select cancel_import(%s, 'alice', null)", (turn.import_id,))
    )
    database.until_blocked(other)
    one.commit()
    assert waiting.result() == "cancelled"


def test_again_is_the_same(database: TestDatabase) -> None:
    """Who asked again is kept too."""
    import_id = announce(database)
    for _ in range(2):
        admin(database).cancel_import(import_id, ALICE)
    assert [entry["before"] for entry in log(database)][1:] == [
        {"status": "waiting"},
        {"status": "cancelled"},
    ]
    assert row_of(database, import_id)["finished_at"] is not None


def test_what_is_over_is_not_cancelled(database: TestDatabase) -> None:
    """Nor is what never was."""
    turn = begun(database)
    store(database, turn, to=1000, last=True)
    with pytest.raises(NotAllowed):
        admin(database).cancel_import(turn.import_id, ALICE)
    with pytest.raises(NotFound):
        admin(database).cancel_import(str(uuid4()), ALICE)
