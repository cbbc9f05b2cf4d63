"""release_account_lock: only one's own."""

from __future__ import annotations

from tests.support.databases import TestDatabase


def test_only_the_owner_releases(database: TestDatabase) -> None:
    """Somebody else's lock stays; one's own is free at once; twice is harmless."""
    database.rows("select acquire_workflow_lock('k', 'one', 300)")
    assert database.value("select release_account_lock('k', 'two')") is False
    assert database.value("select release_account_lock('k', 'one')") is True
    assert database.value("select release_account_lock('k', 'one')") is False
    assert database.value("select acquire_workflow_lock('k', 'two', 300)") is True
