"""fail_import ends the import of an unreadable file; stored rows stay."""

from __future__ import annotations

from tests.support.databases import TestDatabase
from tests.support.imports import a_row, begun, log, outlive, row_of, store, worker


def test_it_stores_the_reason(database: TestDatabase) -> None:
    """The reason is stored; rows before the unreadable one stay stored and counted."""
    lease = begun(database)
    store(database, lease, a_row("a"), to=10)
    worker(database).fail_import(lease, "unreadable: Its quotes are broken.")
    row = row_of(database, lease.import_id)
    assert (row["status"], row["error"], row["created"]) == (
        "failed",
        "unreadable: Its quotes are broken.",
        1,
    )
    assert row["finished_at"] is not None
    assert log(database)[-1]["action"] == "fail_import"
    assert database.value("select count(*) from accounts") == 1


def test_a_lost_lease_fails_nothing(database: TestDatabase) -> None:
    """A worker that lost its lease cannot fail the import."""
    old = begun(database)
    outlive(database)
    begun(database, old.import_id)
    worker(database).fail_import(old, "unreadable: no")
    assert row_of(database, old.import_id)["status"] == "running"
