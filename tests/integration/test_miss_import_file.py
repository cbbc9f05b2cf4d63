"""miss_import_file records that an import's file does not exist."""

from __future__ import annotations

from uuid import uuid4

from tests.support.databases import TestDatabase
from tests.support.imports import admin, announce, begun, outlive, row_of, worker
from tests.support.stores import ALICE


def test_a_file_may_still_be_uploaded(database: TestDatabase) -> None:
    """An upload that began while the address was valid may end five minutes later."""
    import_id = announce(database)
    outlive(database, 3600 + 200)
    assert worker(database).miss_import_file(import_id) == "waiting"
    outlive(database, 200)
    assert worker(database).miss_import_file(import_id) == "failed"
    row = row_of(database, import_id)
    assert row["error"].startswith("no_file: ")
    assert row["file_deleted_at"] is not None


def test_a_missing_file_ends_an_import_without_a_worker(
    database: TestDatabase,
) -> None:
    """A worker that has the file open continues to read."""
    lease = begun(database)
    assert worker(database).miss_import_file(lease.import_id) == "running"
    outlive(database, 100)
    assert worker(database).miss_import_file(lease.import_id) == "failed"
    assert row_of(database, lease.import_id)["error"].startswith("file_gone: ")


def test_the_file_of_an_ended_import_is_gone_when_no_upload_can_follow(
    database: TestDatabase,
) -> None:
    """The file of an ended import counts as deleted once no upload can follow."""
    import_id = announce(database)
    admin(database).cancel_import(import_id, ALICE)
    assert worker(database).miss_import_file(import_id) == "cancelled"
    assert row_of(database, import_id)["file_deleted_at"] is None
    outlive(database, 3601)
    worker(database).miss_import_file(import_id)
    assert row_of(database, import_id)["file_deleted_at"] is not None
    assert worker(database).miss_import_file(str(uuid4())) is None
