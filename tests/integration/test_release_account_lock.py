"""release_account_lock: a delivery releases only the lock that it holds."""

from __future__ import annotations

from tests.support.databases import TestDatabase

ACQUIRE = (
    "select verdict"
    " from acquire_account_lock('a', %s, 'i', 1, 1, interval '5 min', interval '90 s')"
)


def test_only_the_owner_releases(database: TestDatabase) -> None:
    """Only the owner releases its lock, at once; a repeated release changes nothing."""
    assert database.value(ACQUIRE, ("one",)) == "acquired"
    assert database.value("select release_account_lock('a', 'two')") is False
    assert database.value("select release_account_lock('b', 'one')") is False
    assert database.value("select release_account_lock('a', 'one')") is True
    assert database.value("select release_account_lock('a', 'one')") is False
    assert database.value(ACQUIRE, ("two",)) == "acquired"
