"""I4: the promises of the port Locks, kept by every adapter."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from flamebot.adapters.clock.system import SystemClock
from flamebot.adapters.dynamodb.locks import DynamoLocks
from flamebot.adapters.postgres.locks import PostgresLocks
from flamebot.ports.locks import Holder, Locks, Verdict

Make = Callable[..., Locks]
_numbers = itertools.count(1)
LONG = timedelta(seconds=300)
LEASE = timedelta(seconds=90)


@pytest.fixture(params=["dynamodb", "postgres"])
def make(request: pytest.FixtureRequest) -> Make:
    """Return a function that makes the adapter under test with a lock timeout and a task lease."""
    if request.param == "dynamodb":
        aws, table = request.getfixturevalue("aws"), request.getfixturevalue("lock_table")
        return lambda timeout=LONG, lease=LEASE: DynamoLocks(
            aws("dynamodb"), table, timeout=timeout, lease=lease
        )
    database = request.getfixturevalue("lock_database")
    return lambda timeout=LONG, lease=LEASE: PostgresLocks(database, timeout=timeout, lease=lease)


@pytest.fixture
def account() -> str:
    """An account that no other test locks."""
    return f"acct-{next(_numbers)}"


def holder(delivery_id: str, sequence: int = 4, fence: int = 10, instance: str = "i-1") -> Holder:
    """Return a lock holder with these properties."""
    return Holder(delivery_id=delivery_id, instance_id=instance, sequence=sequence, fence=fence)


def test_a_free_lock_is_obtained(make: Make, account: str) -> None:
    """A lock without a holder is acquired."""
    assert make().acquire(account, holder("n1")).verdict is Verdict.ACQUIRED


def test_a_lock_of_another_instance_has_an_expiry(make: Make, account: str) -> None:
    """A lock held by another instance is reported with its expiry in wall time."""
    locks = make()
    locks.acquire(account, holder("n1"))
    before = SystemClock().wall()
    answer = locks.acquire(account, holder("n2", instance="i-2", sequence=9, fence=99))
    assert answer.verdict is Verdict.HELD
    assert answer.held_until is not None
    assert timedelta(seconds=290) < answer.held_until - before < timedelta(seconds=301)


def test_the_holder_renews_its_own_lock(make: Make, account: str) -> None:
    """The same delivery id acquires its lock again, also for its successor task."""
    locks = make()
    for own in (holder("n1"), holder("n1"), holder("n1", sequence=5, fence=0)):
        assert locks.acquire(account, own).verdict is Verdict.ACQUIRED


def test_renewing_moves_the_expiry(make: Make, account: str) -> None:
    """A renewed lock is held for the whole timeout again."""
    locks = make(timeout=timedelta(seconds=1), lease=timedelta(seconds=1))
    locks.acquire(account, holder("n1"))
    time.sleep(0.7)
    locks.acquire(account, holder("n1"))
    time.sleep(0.6)
    assert locks.acquire(account, holder("n2", instance="i-2")).verdict is Verdict.HELD


@pytest.mark.parametrize(("sequence", "fence"), [(5, 0), (5, 10), (4, 11), (7, 1)])
def test_a_later_task_of_the_same_instance_reclaims(
    make: Make, account: str, sequence: int, fence: int
) -> None:
    """A higher (sequence, fence) of the same instance takes the lock of a dead delivery."""
    locks = make()
    locks.acquire(account, holder("n1"))
    assert (
        locks.acquire(account, holder("n2", sequence=sequence, fence=fence)).verdict
        is Verdict.ACQUIRED
    )
    assert locks.acquire(account, holder("n1")).verdict is Verdict.HELD


@pytest.mark.parametrize(("sequence", "fence"), [(3, 99), (4, 9)])
def test_an_earlier_task_of_the_same_instance_waits(
    make: Make, account: str, sequence: int, fence: int
) -> None:
    """A lower (sequence, fence) never takes the lock of a higher one."""
    locks = make()
    locks.acquire(account, holder("n1"))
    assert (
        locks.acquire(account, holder("n2", sequence=sequence, fence=fence)).verdict is Verdict.HELD
    )


def test_a_duplicate_delivery_is_reported(make: Make, account: str) -> None:
    """Another delivery of the same task and fence is a duplicate and changes nothing."""
    locks = make()
    locks.acquire(account, holder("n1"))
    assert locks.acquire(account, holder("n2")).verdict is Verdict.DUPLICATE
    assert locks.release(account, "n2") is False
    assert locks.release(account, "n1") is True


def test_the_same_fence_of_another_instance_is_no_duplicate(make: Make, account: str) -> None:
    """Deliveries of two instances are never duplicates of each other."""
    locks = make()
    locks.acquire(account, holder("n1"))
    assert locks.acquire(account, holder("n2", instance="i-2")).verdict is Verdict.HELD


def test_a_duplicate_reclaims_from_the_dead(make: Make, account: str) -> None:
    """The same task and fence acquires a lock that is older than a task lease.

    No invocation lives that long.
    """
    locks = make(timeout=LONG, lease=timedelta(seconds=0.3))
    locks.acquire(account, holder("n1"))
    assert locks.acquire(account, holder("n2")).verdict is Verdict.DUPLICATE
    time.sleep(0.4)
    assert locks.acquire(account, holder("n2")).verdict is Verdict.ACQUIRED


def test_an_expired_lock_is_free(make: Make, account: str) -> None:
    """Any delivery acquires an expired lock, and its former holder then waits."""
    locks = make(timeout=timedelta(seconds=0.3), lease=timedelta(seconds=0.3))
    locks.acquire(account, holder("n1"))
    time.sleep(0.4)
    fresh = make()
    assert (
        fresh.acquire(account, holder("n2", instance="i-2", sequence=1, fence=1)).verdict
        is Verdict.ACQUIRED
    )
    assert fresh.acquire(account, holder("n1")).verdict is Verdict.HELD


def test_only_the_owner_releases(make: Make, account: str) -> None:
    """Releasing another delivery's lock, or one's own twice, returns False and changes nothing."""
    locks = make()
    locks.acquire(account, holder("n1"))
    assert locks.release(account, "n2") is False
    assert locks.acquire(account, holder("n3", instance="i-3")).verdict is Verdict.HELD
    assert locks.release(account, "n1") is True
    assert locks.release(account, "n1") is False
    assert locks.acquire(account, holder("n3", instance="i-3")).verdict is Verdict.ACQUIRED


def test_who_was_reclaimed_cannot_release(make: Make, account: str) -> None:
    """A delivery that lost its lock cannot release the later holder's lock."""
    locks = make()
    locks.acquire(account, holder("n1"))
    locks.acquire(account, holder("n2", fence=11))
    assert locks.release(account, "n1") is False
    assert locks.acquire(account, holder("n3", instance="i-3")).verdict is Verdict.HELD


def test_accounts_have_locks_of_their_own(make: Make, account: str) -> None:
    """Locking one account leaves every other account free, whatever its id looks like."""
    locks = make()
    for other in (account, account + "/x", account + "\u00e9", account.upper(), account + " "):
        assert locks.acquire(other, holder("n1")).verdict is Verdict.ACQUIRED
    assert locks.acquire(account, holder("n2", instance="i-2")).verdict is Verdict.HELD


def test_of_many_who_ask_at_once_one_wins(make: Make) -> None:
    """I4: of eight simultaneous deliveries exactly one acquires the lock, round after round."""
    locks = make()
    rounds = [f"crowd-{next(_numbers)}" for _ in range(15)]
    verdicts: dict[str, list[Any]] = {name: [] for name in rounds}
    together = threading.Barrier(8)

    def ask(number: int) -> None:
        for name in rounds:
            together.wait()
            verdicts[name].append(
                locks.acquire(name, holder(f"n{number}", instance=f"i-{number}")).verdict
            )

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [v.count(Verdict.ACQUIRED) for v in verdicts.values()] == [1] * len(rounds)
    assert all(len(v) == 8 for v in verdicts.values())


def test_the_heir_is_of_the_same_instance(make: Make, account: str) -> None:
    """An equal sequence and fence of another instance waits until the lock expires."""
    locks = make(timeout=LONG, lease=timedelta(seconds=0.3))
    locks.acquire(account, holder("n1"))
    time.sleep(0.4)
    assert locks.acquire(account, holder("n2", instance="i-2")).verdict is Verdict.HELD
