"""delete_old_imports: what ended a month ago is forgotten, what it stored is not."""

from __future__ import annotations

from flamebot.domain.errors import ValidationIssue
from flamebot.ports.import_store import RejectedRow
from tests.support.databases import TestDatabase
from tests.support.imports import a_row, announce, begun, import_maintenance, outlive, store


def test_imports_of_a_month_ago_go_with_their_rejects(database: TestDatabase) -> None:
    """One that never ended stays; accounts stay in any case."""
    turn = begun(database)
    reject = RejectedRow(
        row=3, flamebot_id=None, code="invalid", issues=(ValidationIssue("/modelId", "No."),)
    )
    store(database, turn, a_row("a"), rejects=[reject], to=1000, last=True)
    outlive(database, 31 * 86400)
    waiting = announce(database)
    assert import_maintenance(database).delete_old_imports() == 1
    assert [str(row["id"]) for row in database.rows("select id from imports")] == [waiting]
    assert database.value("select count(*) from import_rejects") == 0
    assert database.value("select count(*) from accounts") == 1


def test_a_few_at_a_time(database: TestDatabase) -> None:
    """Each may have ten thousand rejected rows."""
    for _ in range(6):
        store(database, begun(database), to=1000, last=True)
    outlive(database, 31 * 86400)
    assert [import_maintenance(database).delete_old_imports() for _ in range(3)] == [5, 1, 0]
