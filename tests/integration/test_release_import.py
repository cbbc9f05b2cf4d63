"""release_import: the holder of a lease gives it up before it expires."""

from __future__ import annotations

from tests.support.databases import TestDatabase
from tests.support.imports import admin, begun, outlive, row_of, worker
from tests.support.stores import ALICE


def test_the_next_worker_begins_at_once(database: TestDatabase) -> None:
    """The next worker does not wait for the expiry of the released lease."""
    lease = begun(database)
    worker(database).release_import(lease)
    assert begun(database, lease.import_id).fence > lease.fence


def test_a_lost_lease_cannot_be_released(database: TestDatabase) -> None:
    """A worker that lost its lease changes nothing, nor does a call for an ended import."""
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
