"""fail_import: a file that cannot be read any further ends its import; what was stored stays."""

from __future__ import annotations

from tests.support.databases import TestDatabase
from tests.support.imports import a_row, begun, log, outlive, row_of, store, worker


def test_it_says_why(database: TestDatabase) -> None:
    """The rows before the place are stored, and told."""
    turn = begun(database)
    store(database, turn, a_row("a"), to=10)
    worker(database).fail_import(turn, "unreadable: Its quotes are broken.")
    row = row_of(database, turn.import_id)
    assert (row["status"], row["error"], row["created"]) == (
        "failed",
        "unreadable: Its quotes are broken.",
        1,
    )
    assert row["finished_at"] is not None
    assert log(database)[-1]["action"] == "fail_import"
    assert database.value("select count(*) from accounts") == 1


def test_a_turn_that_was_lost_fails_nothing(database: TestDatabase) -> None:
    """Whoever has the turn now judges by what it reads itself."""
    old = begun(database)
    outlive(database)
    begun(database, old.import_id)
    worker(database).fail_import(old, "unreadable: no")
    assert row_of(database, old.import_id)["status"] == "running"
