"""delete_old_imports: imports that ended a month ago are deleted, their accounts stay."""

from __future__ import annotations

from flamebot.domain.errors import ValidationIssue
from flamebot.ports.import_store import RejectedRow
from tests.support.databases import TestDatabase
from tests.support.imports import a_row, announce, begun, import_maintenance, outlive, store


def test_old_imports_are_deleted_with_their_rejects(database: TestDatabase) -> None:
    """An import that has not ended stays, and so do all accounts."""
    lease = begun(database)
    reject = RejectedRow(
        row=3, account_id=None, code="invalid", issues=(ValidationIssue("/modelId", "No."),)
    )
    store(database, lease, a_row("a"), rejects=[reject], to=1000, last=True)
    outlive(database, 31 * 86400)
    waiting = announce(database)
    assert import_maintenance(database).delete_old_imports() == 1
    assert [str(row["id"]) for row in database.rows("select id from imports")] == [waiting]
    assert database.value("select count(*) from import_rejects") == 0
    assert database.value("select count(*) from accounts") == 1


def test_it_deletes_a_few_at_a_time(database: TestDatabase) -> None:
    """A call deletes few imports, because each may have ten thousand rejected rows."""
    for _ in range(6):
        store(database, begun(database), to=1000, last=True)
    outlive(database, 31 * 86400)
    assert [import_maintenance(database).delete_old_imports() for _ in range(3)] == [5, 1, 0]
