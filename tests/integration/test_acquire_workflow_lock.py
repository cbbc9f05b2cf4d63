"""acquire_workflow_lock: a lock with an expiry for other clients of the database."""

from __future__ import annotations

import pytest

from tests.support.databases import TestDatabase, start

ACQUIRE = "select acquire_workflow_lock(%s, %s, %s)"


def test_one_owner_at_a_time(database: TestDatabase) -> None:
    """A free lock is acquired, another holder's refused, one's own renewed, for each key alone."""
    assert database.value(ACQUIRE, ("workflow:a:start", "one", 300)) is True
    assert database.value(ACQUIRE, ("workflow:a:start", "two", 300)) is False
    assert database.value(ACQUIRE, ("workflow:a:start", "one", 300)) is True
    assert database.value(ACQUIRE, ("workflow:b:start", "two", 300)) is True


def test_expired_lock_is_free(database: TestDatabase) -> None:
    """A crash blocks other owners no longer than the timeout."""
    database.rows(ACQUIRE, ("k", "one", 0))
    assert database.value(ACQUIRE, ("k", "two", 300)) is True
    assert database.value(ACQUIRE, ("k", "one", 300)) is False


@pytest.mark.race
def test_two_at_once_have_one_winner(database: TestDatabase) -> None:
    """The second caller waits for the first one's commit and is refused."""
    first, other = database.session(), database.session()
    first.begin()
    assert first.value(ACQUIRE, ("k", "one", 300)) is True
    waiting = start(lambda: other.value(ACQUIRE, ("k", "two", 300)))
    database.until_blocked(other)
    first.commit()
    assert waiting.result() is False
