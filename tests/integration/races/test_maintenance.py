"""Races of maintenance with everything else: cleanup skips locked rows."""

from __future__ import annotations

import pytest

from flamebot.adapters.postgres.rows import to_json
from tests.integration.races.calls import clean_up, erase, import_, lock, retry, sweep
from tests.support.builders import (
    STEPS,
    Asker,
    a_decision,
    a_running_task,
    after,
    an_entry,
    commit,
    task,
)
from tests.support.databases import Row, Session, TestDatabase
from tests.support.race import Call, race
from tests.support.stores import failed

pytestmark = pytest.mark.race
PASS = "update workflow_locks set expires_at = clock_timestamp() - interval '1 s'"


def test_the_sweep_then_a_delivery_takes_the_lock(database: TestDatabase) -> None:
    """A delivery that acquires a lock during its deletion waits and then gets it."""
    lock("n1")(database.main)
    database.rows(PASS)
    swept, verdict = race(database, sweep, lock("n2", "i2"))
    assert (swept, verdict) == (1, "acquired")
    assert database.value("select locked_by from workflow_locks") == "n2"


def test_a_delivery_takes_the_lock_then_the_sweep(database: TestDatabase) -> None:
    """The sweep skips an expired lock that is being acquired."""
    lock("n1")(database.main)
    database.rows(PASS)
    verdict, swept = race(database, lock("n2", "i2"), sweep, waits=False)
    assert (verdict, swept) == ("acquired", 0)
    assert database.value("select locked_by from workflow_locks") == "n2"


def test_two_take_an_expired_lock_at_once(database: TestDatabase) -> None:
    """Of two instances that acquire an expired lock one gets it (I4)."""
    lock("n1")(database.main)
    database.rows(PASS)
    assert race(database, lock("n2", "i2"), lock("n3", "i3")) == ("acquired", "held")


def test_two_find_a_dead_holder_at_once(database: TestDatabase) -> None:
    """A message is delivered twice, long after its first delivery died.

    One delivery gets the lock, and the other is its duplicate.
    """
    lock("n1")(database.main)
    database.rows(
        "update workflow_locks set acquired_at = clock_timestamp() - interval '2 minutes'"
    )
    assert race(database, lock("n2"), lock("n3")) == ("acquired", "duplicate")


def maintain_history(session: Asker) -> Row:
    """Call maintain_history a year later."""
    done: Row = session.one(
        "select maintain_history(%s, interval '7 days') as done", (after(days=365),)
    )["done"]
    return done


def finished(database: TestDatabase) -> tuple[str, str]:
    """Return a completed instance's task and account."""
    running = a_running_task(database)
    commit(database, (running.task_id, running.fence, a_decision(status="completed")))
    return running.task_id, running.account_id


def test_cleanup_then_erasure(database: TestDatabase) -> None:
    """Erasing waits for the rows that cleanup deletes, and then erases all others."""
    _, account = finished(database)
    deleted, _ = race(database, clean_up, erase(account))
    assert deleted == 1
    assert database.value("select count(*) from accounts") == 0


def test_erasure_then_cleanup(database: TestDatabase) -> None:
    """Cleanup skips rows that are being erased; the next pass deletes them (I12)."""
    task_id, account = finished(database)
    _, deleted = race(database, erase(account), clean_up, waits=False)
    assert deleted == 0
    assert task(database, task_id)["payload"] == {}
    assert clean_up(database) == 1


def test_erasure_then_a_pass_over_the_history(database: TestDatabase) -> None:
    """Old rows that are being erased are skipped without waiting. The next run deletes them."""
    maintain_history(database)  # nothing is left to make or drop
    running = a_running_task(database)
    entry = an_entry(result={"text": "personal"})
    commit(
        database, (running.task_id, running.fence, a_decision(status="completed", history=(entry,)))
    )
    _, tended = race(database, erase(running.account_id), maintain_history, waits=False)
    assert (tended["deleted"], maintain_history(database)["deleted"]) == (0, 1)


@pytest.mark.parametrize("unknown", [True, False])
def test_cleanup_then_retry(database: TestDatabase, unknown: bool) -> None:
    """Cleanup keeps the last task of a failed workflow. Retry finds it without waiting (I12)."""
    started = failed(database, unknown=unknown)
    deleted, answer = race(database, clean_up, retry(started.instance_id), waits=False)
    assert (deleted, answer["workflow"]["status"]) == (0, "active")


@pytest.mark.parametrize("unknown", [True, False])
def test_retry_then_cleanup(database: TestDatabase, unknown: bool) -> None:
    """Cleanup keeps the task from which a retry continues, reopened or followed (I12)."""
    started = failed(database, unknown=unknown)
    _, deleted = race(database, retry(started.instance_id), clean_up, waits=False)
    assert deleted == 0
    assert task(database, started.task_id)["status"] == ("queued" if unknown else "failed")


def old_request(database: TestDatabase) -> None:
    """Return a remembered import whose key has expired."""
    import_("acct-1", key="k")(database.main)
    database.rows("update import_requests set created_at = clock_timestamp() - interval '25 hours'")


def forget(session: Session) -> int:
    """Call delete_old_requests in a session."""
    return int(session.value("select delete_old_requests()"))


def test_forgetting_then_the_same_key_again(database: TestDatabase) -> None:
    """An import under a key that is being deleted waits and is remembered."""
    old_request(database)
    forgotten, _ = race(database, forget, import_("acct-2", key="k"))
    assert forgotten == 1
    assert (
        database.value(
            "select count(*) from import_requests"
            " where created_at > clock_timestamp() - interval '1 hour'"
        )
        == 1
    )


def test_the_same_key_again_then_forgetting(database: TestDatabase) -> None:
    """A request that is being remembered anew is not deleted (I9)."""
    old_request(database)
    _, forgotten = race(database, import_("acct-2", key="k"), forget, waits=False)
    assert forgotten == 0
    assert database.value("select count(*) from import_requests") == 1


def publishing(workflow_type: str) -> Call:
    """Return a call of publish_definition for the first version of a type."""
    document = to_json({"type": workflow_type, "name": "n", "steps": STEPS})
    return lambda session: session.one(
        "select publish_definition(%s, false, null, 'a', null) as answer", (document,)
    )["answer"]


def test_publishers_of_two_types_do_not_wait(database: TestDatabase) -> None:
    """Publishers wait for each other only within a type."""
    one, two = race(database, publishing("mine"), publishing("yours"), waits=False)
    assert (one["version"], two["version"]) == (1, 1)
