"""has_workflow_lock returns whether an unexpired lock exists."""

from __future__ import annotations

from tests.support.databases import TestDatabase


def test_held_is_held_until_it_expires(database: TestDatabase) -> None:
    """A lock whose expiry has passed counts as free."""
    assert database.value("select has_workflow_lock('k')") is False
    database.rows("select acquire_workflow_lock('k', 'one', 300)")
    assert database.value("select has_workflow_lock('k')") is True
    database.rows("update workflow_locks set expires_at = clock_timestamp()")
    assert database.value("select has_workflow_lock('k')") is False
