"""miss_import_file: what it means that a file is not there."""

from __future__ import annotations

from uuid import uuid4

from tests.support.databases import TestDatabase
from tests.support.imports import admin, announce, begun, outlive, row_of, worker
from tests.support.stores import ALICE


def test_it_may_still_come(database: TestDatabase) -> None:
    """As long as the address is valid, and five minutes more: an upload that began in time ends later."""
    import_id = announce(database)
    outlive(database, 3600 + 200)
    assert worker(database).miss_import_file(import_id) == "waiting"
    outlive(database, 200)
    assert worker(database).miss_import_file(import_id) == "failed"
    row = row_of(database, import_id)
    assert row["error"].startswith("no_file: ")
    assert row["file_deleted_at"] is not None


def test_one_that_went_missing_ends_the_import_once_its_worker_is_gone(
    database: TestDatabase,
) -> None:
    """A worker that has the file open reads on."""
    turn = begun(database)
    assert worker(database).miss_import_file(turn.import_id) == "running"
    outlive(database, 100)
    assert worker(database).miss_import_file(turn.import_id) == "failed"
    assert row_of(database, turn.import_id)["error"].startswith("file_gone: ")


def test_that_of_an_import_that_is_over_was_deleted(database: TestDatabase) -> None:
    """It is settled only when no upload can come any more: a late one has to be deleted too."""
    import_id = announce(database)
    admin(database).cancel_import(import_id, ALICE)
    assert worker(database).miss_import_file(import_id) == "cancelled"
    assert row_of(database, import_id)["file_deleted_at"] is None
    outlive(database, 3601)
    worker(database).miss_import_file(import_id)
    assert row_of(database, import_id)["file_deleted_at"] is not None
    assert worker(database).miss_import_file(str(uuid4())) is None
