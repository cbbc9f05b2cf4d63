"""acquire_account_lock: at most one writer per account at the actions service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flamebot.adapters.postgres.connection import Database
from flamebot.adapters.postgres.locks import PostgresLocks
from flamebot.domain.errors import LocksUnavailable
from flamebot.ports.locks import Holder, Verdict
from tests.support.databases import Session, TestDatabase, start

LEASE, TIMEOUT = timedelta(seconds=90), timedelta(seconds=300)


@pytest.fixture
def locks(database: TestDatabase) -> PostgresLocks:
    """Return the lock adapter of a database."""
    return PostgresLocks(database.db, timeout=TIMEOUT, lease=LEASE)


def holder(
    delivery_id: str = "n1", instance: str = "i1", sequence: int = 3, fence: int = 7
) -> Holder:
    """Return the holder that a delivery asks the lock for."""
    return Holder(delivery_id=delivery_id, instance_id=instance, sequence=sequence, fence=fence)


def test_free_lock_is_taken_for_the_timeout(database: TestDatabase, locks: PostgresLocks) -> None:
    """A free lock is acquired and expires by itself after the timeout, in wall time."""
    assert locks.acquire("a", holder()).verdict is Verdict.ACQUIRED
    left = database.value(
        "select expires_at from workflow_locks where lock_key = 'account:a'"
    ) - datetime.now(UTC)  # noqa: TID251  # wall time
    assert abs(left - TIMEOUT) < timedelta(seconds=5)


def test_other_instance_waits_until_it_expires(
    database: TestDatabase, locks: PostgresLocks
) -> None:
    """A held lock is reported with its expiry. After the expiry any instance acquires it."""
    locks.acquire("a", holder())
    answer = locks.acquire("a", holder("n2", "i2"))
    assert (answer.verdict, answer.held_until) == (
        Verdict.HELD,
        database.value("select expires_at from workflow_locks"),
    )
    assert locks.acquire("b", holder("n2", "i2")).verdict is Verdict.ACQUIRED
    database.rows("update workflow_locks set expires_at = clock_timestamp()")
    assert locks.acquire("a", holder("n2", "i2")).verdict is Verdict.ACQUIRED


def test_same_delivery_renews_whatever_its_task(locks: PostgresLocks) -> None:
    """A chain of tasks continues under the lock of its delivery."""
    for sequence in (3, 4, 5):
        assert locks.acquire("a", holder(sequence=sequence)).verdict is Verdict.ACQUIRED


@pytest.mark.parametrize(("sequence", "fence"), [(4, 1), (3, 8)])
def test_later_task_or_fence_of_the_same_instance_reclaims(
    locks: PostgresLocks, sequence: int, fence: int
) -> None:
    """After a crash the next delivery of the instance need not wait for the lock to expire."""
    locks.acquire("a", holder())
    assert (
        locks.acquire("a", holder("n2", sequence=sequence, fence=fence)).verdict is Verdict.ACQUIRED
    )
    assert locks.acquire("a", holder()).verdict is Verdict.HELD


def test_duplicate_of_the_same_task_and_fence_gets_that_verdict(locks: PostgresLocks) -> None:
    """The second delivery of a message is reported as a duplicate and changes nothing."""
    locks.acquire("a", holder())
    assert locks.acquire("a", holder("n2")).verdict is Verdict.DUPLICATE


def test_duplicate_after_a_lease_takes_the_lock_of_the_dead(
    database: TestDatabase, locks: PostgresLocks
) -> None:
    """After a lease a duplicate acquires the lock: the first holder died between lock and begin."""
    locks.acquire("a", holder())
    database.rows("update workflow_locks set acquired_at = clock_timestamp() - interval '91 s'")
    assert locks.acquire("a", holder("n2")).verdict is Verdict.ACQUIRED


def test_release_is_only_for_the_owner(locks: PostgresLocks) -> None:
    """A delivery that lost its lock cannot release its successor's lock."""
    locks.acquire("a", holder())
    assert locks.release("a", "n2") is False
    assert locks.release("a", "n1") is True
    assert locks.release("a", "n1") is False
    assert locks.acquire("a", holder("n2", "i2")).verdict is Verdict.ACQUIRED


@pytest.mark.race
def test_two_at_once_have_one_winner(database: TestDatabase) -> None:
    """The second delivery waits for the commit of the first and is refused."""
    ask = "select verdict from acquire_account_lock('a', %s, %s, 1, 1, '5 minutes', '90 s')"
    first, other = database.session(), database.session()
    first.begin()
    assert first.value(ask, ("n1", "i1")) == "acquired"
    waiting = start(lambda: other.value(ask, ("n2", "i2")))
    database.until_blocked(other)
    first.commit()
    assert waiting.result() == "held"


@pytest.mark.race
def test_release_while_another_asks_hands_it_over(database: TestDatabase) -> None:
    """A delivery that waits for a release acquires the lock after it."""
    ask = "select verdict from acquire_account_lock('a', %s, %s, 1, 1, '5 minutes', '90 s')"
    first, other = database.session(), database.session()
    first.rows(ask, ("n1", "i1"))
    first.begin()
    first.rows("select release_account_lock('a', 'n1')")
    waiting = start(lambda: other.value(ask, ("n2", "i2")))
    database.until_blocked(other)
    first.commit()
    assert waiting.result() == "acquired"


def test_database_that_is_down_is_locks_unavailable() -> None:
    """Without a database the adapter raises LocksUnavailable, on which the caller defers."""
    locks = PostgresLocks(
        Database(lambda: "postgresql://user@127.0.0.1:1/none"), timeout=TIMEOUT, lease=LEASE
    )
    with pytest.raises(LocksUnavailable):
        locks.acquire("a", holder())
    with pytest.raises(LocksUnavailable):
        locks.release("a", "n1")


def test_sessions_share_nothing(database: TestDatabase) -> None:
    """The lock is a row and outlives the connection that acquired it."""
    session = Session(database.url)
    session.rows("select * from acquire_account_lock('a', 'n1', 'i1', 1, 1, '5 minutes', '90 s')")
    session.close()
    assert database.value("select has_workflow_lock('account:a')") is True
