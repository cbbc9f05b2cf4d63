"""release_workflow_lock: an owner releases only the lock that it holds."""

from __future__ import annotations

from tests.support.databases import TestDatabase


def test_only_the_owner_releases(database: TestDatabase) -> None:
    """Only the owner releases its lock, at once; a repeated release changes nothing."""
    database.rows("select acquire_workflow_lock('k', 'one', 300)")
    assert database.value("select release_workflow_lock('k', 'two')") is False
    assert database.value("select release_workflow_lock('k', 'one')") is True
    assert database.value("select release_workflow_lock('k', 'one')") is False
    assert database.value("select acquire_workflow_lock('k', 'two', 300)") is True
