"""cancel_import: after it has returned no row is stored."""

from __future__ import annotations

from uuid import uuid4

import pytest

from flamebot.domain.errors import NotAllowed, NotFound
from tests.support.databases import TestDatabase, start
from tests.support.imports import a_chunk, a_row, admin, announce, begun, log, row_of, store, worker
from tests.support.stores import ALICE


def test_stored_rows_stay_and_no_row_follows(database: TestDatabase) -> None:
    """The worker's next chunk is refused with the status."""
    lease = begun(database)
    store(database, lease, a_row("a"), to=10)
    admin(database).cancel_import(lease.import_id, ALICE)
    refused = worker(database).import_chunk(lease, a_chunk(lease, a_row("b"), from_byte=10, to=20))
    assert (refused.applied, refused.status) == (False, "cancelled")
    assert database.value("select array_agg(flamebot_id) from accounts") == ["a"]


def test_it_waits_for_a_chunk_that_is_being_stored(database: TestDatabase) -> None:
    """A cancel waits until no transaction of the worker is open."""
    lease = begun(database)
    one, other = database.session(), database.session()
    one.begin()
    one.rows("select 1 from imports where id = %s for no key update", (lease.import_id,))
    waiting = start(
        lambda: other.value("select cancel_import(%s, 'alice', null)", (lease.import_id,))
    )
    database.until_blocked(other)
    one.commit()
    assert waiting.result() == "cancelled"


def test_cancelling_again_changes_nothing(database: TestDatabase) -> None:
    """A repeated cancel changes nothing; the audit log has every caller."""
    import_id = announce(database)
    for _ in range(2):
        admin(database).cancel_import(import_id, ALICE)
    assert [entry["before"] for entry in log(database)][1:] == [
        {"status": "waiting"},
        {"status": "cancelled"},
    ]
    assert row_of(database, import_id)["finished_at"] is not None


def test_an_ended_import_cannot_be_cancelled(database: TestDatabase) -> None:
    """Neither an ended import nor an unknown one can be cancelled."""
    lease = begun(database)
    store(database, lease, to=1000, last=True)
    with pytest.raises(NotAllowed):
        admin(database).cancel_import(lease.import_id, ALICE)
    with pytest.raises(NotFound):
        admin(database).cancel_import(str(uuid4()), ALICE)
