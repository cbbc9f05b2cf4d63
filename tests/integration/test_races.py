"""Two sessions at once, in both orders: the second one finds what the first one did.

The first session keeps the transaction of its function open. The second starts its own and has to
wait until the first commits.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.support.builders import (
    NOON,
    a_cancel,
    a_decision,
    a_definition,
    a_next,
    a_poll,
    a_running_task,
    a_start,
    a_submit,
    after,
    an_account,
    an_instance,
    begin,
    claim,
    commit,
    instance,
    live_tasks,
    pause,
    pause_all,
    reclaim,
    resume,
    start_rows,
    stop,
    task,
)
from tests.support.databases import Session, TestDatabase, start
from tests.support.race import Call, race

pytestmark = pytest.mark.race
EXPIRE = (
    "update scheduled_tasks set lease_expires_at = clock_timestamp() - interval '1 s'"
    " where lease_expires_at is not null"
)


def queued(database: TestDatabase) -> tuple[str, str, Call]:
    """Return a queued task: its instance, its id, and a begin by its message."""
    started = an_instance(database, a_submit())
    fence = task(database, started.task_id)["fence"]
    return (
        started.instance_id,
        started.task_id,
        lambda session: begin(session, started.task_id, fences=[fence]),
    )


def test_begin_then_pause(database: TestDatabase) -> None:
    """A task that began before the pause may finish, and the pause reports it."""
    instance_id, task_id, begin_it = queued(database)
    begun, paused = race(database, begin_it, lambda s: pause(s, instance_id))
    assert len(begun) == 1
    assert paused["answer"]["workflow"]["effect_in_flight"] is True
    assert (task(database, task_id)["status"], instance(database, instance_id)["status"]) == (
        "running",
        "paused",
    )


def test_pause_then_begin(database: TestDatabase) -> None:
    """After a pause a begin that waited for it begins nothing (I7)."""
    instance_id, task_id, begin_it = queued(database)
    _, begun = race(database, lambda s: pause(s, instance_id), begin_it)
    assert begun == []
    assert task(database, task_id)["status"] == "held"


def test_begin_then_stop(database: TestDatabase) -> None:
    """After a begin a stopped instance is stopping until the task's commit."""
    instance_id, task_id, begin_it = queued(database)
    begun, _ = race(database, begin_it, lambda s: stop(s, instance_id))
    assert instance(database, instance_id)["status"] == "stopping"
    commit(
        database,
        (task_id, begun[0]["fence"], a_decision(next_task=a_poll(), if_stopping=a_cancel())),
    )
    assert live_tasks(database, instance_id) == ["queued"]


def test_stop_then_begin(database: TestDatabase) -> None:
    """After a stop a begin that waited for it begins nothing (I7)."""
    instance_id, task_id, begin_it = queued(database)
    _, begun = race(database, lambda s: stop(s, instance_id), begin_it)
    assert begun == []
    assert (task(database, task_id)["status"], instance(database, instance_id)["status"]) == (
        "cancelled",
        "stopped",
    )


def test_begin_then_pause_all(database: TestDatabase) -> None:
    """The global pause waits for the begin. When it returns, that task has begun and may finish."""
    _, task_id, begin_it = queued(database)
    begun, _ = race(database, begin_it, pause_all)
    assert len(begun) == 1
    assert task(database, task_id)["status"] == "running"


def test_pause_all_then_begin(database: TestDatabase) -> None:
    """A begin that waited for the global pause finds it: its task returns to pending (I7)."""
    _, task_id, begin_it = queued(database)
    _, begun = race(database, pause_all, begin_it)
    assert begun == []
    assert task(database, task_id)["status"] == "pending"


def test_begin_twice_by_two_deliveries(database: TestDatabase) -> None:
    """Of two deliveries of the same message at once, one begins."""
    _, task_id, begin_it = queued(database)
    one, two = race(database, begin_it, begin_it)
    assert (len(one), len(two)) == (1, 0)
    assert task(database, task_id)["fence"] == one[0]["fence"]


def test_begin_twice_by_one_delivery(database: TestDatabase) -> None:
    """A delivery that calls again during its first call gets the same result."""
    started, delivery_id = an_instance(database), str(uuid4())
    fence = task(database, started.task_id)["fence"]
    one, two = race(
        database,
        *[lambda s: begin(s, started.task_id, delivery_id=delivery_id, fences=[fence])] * 2,
    )
    assert one == two != []


@pytest.mark.parametrize("run", [True, False])
def test_commit_then_pause(database: TestDatabase, run: bool) -> None:
    """A successor that was inserted before the pause is held by it, unless it runs already."""
    running = a_running_task(database)
    decision = a_decision(next_task=a_submit(run=run))
    race(
        database,
        lambda s: commit(s, (running.task_id, running.fence, decision)),
        lambda s: pause(s, running.instance_id),
    )
    assert live_tasks(database, running.instance_id) == ["running" if run else "held"]


def test_pause_then_commit(database: TestDatabase) -> None:
    """A successor that is inserted after the pause is held, even if it was to run (I7)."""
    running = a_running_task(database)
    decision = a_decision(next_task=a_submit(run=True))
    _, committed = race(
        database,
        lambda s: pause(s, running.instance_id),
        lambda s: commit(s, (running.task_id, running.fence, decision)),
    )
    assert committed[0]["next_status"] == "held"


def test_commit_then_stop(database: TestDatabase) -> None:
    """A job that was committed just before the stop is cancelled by it."""
    running = a_running_task(database, a_submit())
    decision = a_decision(next_task=a_poll(), if_stopping=a_cancel())
    race(
        database,
        lambda s: commit(s, (running.task_id, running.fence, decision)),
        lambda s: stop(s, running.instance_id),
    )
    rows = database.rows(
        "select phase, status from scheduled_tasks where workflow_instance_id = %s"
        " order by sequence",
        (running.instance_id,),
    )
    assert [tuple(row.values()) for row in rows] == [
        ("submit", "completed"),
        ("poll", "cancelled"),
        ("cancel", "queued"),
    ]
    assert instance(database, running.instance_id)["status"] == "stopping"


def test_stop_then_commit(database: TestDatabase) -> None:
    """A job that is committed just after the stop is cancelled by the commit."""
    running = a_running_task(database, a_submit())
    decision = a_decision(next_task=a_poll(run=True), if_stopping=a_cancel())
    _, committed = race(
        database,
        lambda s: stop(s, running.instance_id),
        lambda s: commit(s, (running.task_id, running.fence, decision)),
    )
    assert (committed[0]["instance_status"], committed[0]["next_status"]) == ("stopping", "queued")
    rows = database.rows(
        "select phase, status from scheduled_tasks where workflow_instance_id = %s"
        " order by sequence",
        (running.instance_id,),
    )
    assert [tuple(row.values()) for row in rows] == [("submit", "completed"), ("cancel", "queued")]


def test_commit_then_pause_all(database: TestDatabase) -> None:
    """The global pause waits for the commit.

    A chain that goes on had begun before the pause returned.
    """
    running = a_running_task(database)
    item = (running.task_id, running.fence, a_decision(next_task=a_submit(run=True)))
    committed, _ = race(database, lambda s: commit(s, item), pause_all)
    assert committed[0]["next_status"] == "running"


def test_pause_all_then_commit(database: TestDatabase) -> None:
    """A commit that waited for the global pause lets nothing go on (I7)."""
    running = a_running_task(database)
    item = (running.task_id, running.fence, a_decision(next_task=a_submit(run=True)))
    _, committed = race(database, pause_all, lambda s: commit(s, item))
    assert committed[0]["next_status"] == "pending"


def test_commit_then_reclaim(database: TestDatabase) -> None:
    """Reclaim skips the row of a late commit without waiting, and the commit succeeds."""
    running = a_running_task(database)
    database.rows(EXPIRE)
    item = (running.task_id, running.fence, a_decision())
    committed, taken = race(database, lambda s: commit(s, item), reclaim, waits=False)
    assert (len(committed), taken) == (1, [])
    assert task(database, running.task_id)["status"] == "completed"


def test_reclaim_then_commit(database: TestDatabase) -> None:
    """A commit that waited for a reclaim is stale and changes nothing (I4)."""
    running = a_running_task(database)
    database.rows(EXPIRE)
    item = (running.task_id, running.fence, a_decision())
    taken, committed = race(database, reclaim, lambda s: commit(s, item))
    assert (len(taken), committed) == (1, [])
    assert (
        task(database, running.task_id)["status"],
        task(database, running.task_id)["fence"],
    ) == ("running", taken[0]["fence"])


def test_commit_twice_at_once(database: TestDatabase) -> None:
    """A commit that is sent again during the first one returns the same (I3)."""
    running = a_running_task(database)
    item = (running.task_id, running.fence, a_decision(next_task=a_submit(run=True)))
    one, two = race(database, *[lambda s: commit(s, item)] * 2)
    assert one == two != []
    assert instance(database, running.instance_id)["revision"] == 1


def test_reclaim_twice_at_once(database: TestDatabase) -> None:
    """Of two ticks at once, one reclaims the task and the other skips it."""
    a_running_task(database)
    database.rows(EXPIRE)
    one, two = race(database, reclaim, reclaim, waits=False)
    assert (len(one), two) == (1, [])


def waiting_task(database: TestDatabase) -> tuple[str, str]:
    """Return a pending task that is due in ten minutes."""
    started = an_instance(database, a_next(at=after(minutes=10)))
    return started.instance_id, started.task_id


def claim_it(session: Session) -> Any:
    """Claim the task at the time when it is due."""
    return claim(session, now=after(minutes=10))


def test_claim_then_pause(database: TestDatabase) -> None:
    """A pause holds a task that was claimed before, and its message begins nothing (I7)."""
    instance_id, task_id = waiting_task(database)
    claimed, _ = race(database, claim_it, lambda s: pause(s, instance_id))
    assert task(database, task_id)["status"] == "held"
    assert begin(database, task_id, fences=[claimed[0]["fence"]], now=after(minutes=10)) == []


def test_pause_then_claim(database: TestDatabase) -> None:
    """A claim skips a task whose instance is being paused, without waiting."""
    instance_id, task_id = waiting_task(database)
    _, claimed = race(database, lambda s: pause(s, instance_id), claim_it, waits=False)
    assert claimed == []
    assert task(database, task_id)["status"] == "held"


def test_pause_resume_claim_voids_the_old_message(database: TestDatabase) -> None:
    """A message from before the pause begins nothing after it; the new one does."""
    instance_id, task_id = waiting_task(database)
    (old,) = claim_it(database.main)
    pause(database, instance_id, now=after(minutes=10))
    resume(database, instance_id, now=after(minutes=11))
    claim(database, now=after(minutes=12))
    assert begin(database, task_id, fences=[old["fence"]], now=after(minutes=20)) == []
    assert len(begin(database, task_id, now=after(minutes=20))) == 1


def test_claim_twice_at_once(database: TestDatabase) -> None:
    """Two ticks at once share what is due, and neither waits."""
    ids = {waiting_task(database)[1] for _ in range(4)}
    one, two = race(database, lambda s: claim(s, 2, now=after(minutes=10)), claim_it, waits=False)
    assert {row["task_id"] for row in one} | {row["task_id"] for row in two} == ids
    assert (len(one), len(two)) == (2, 2)


def test_claim_does_not_make_begin_lose_its_message(database: TestDatabase) -> None:
    """A begin waits for a transaction that only locks its row."""
    _, _, begin_it = queued(database)
    looked, begun = race(
        database,
        lambda s: s.rows("select task_id from scheduled_tasks for no key update"),
        begin_it,
    )
    assert (len(looked), len(begun)) == (1, 1)


def test_start_twice_at_once(database: TestDatabase) -> None:
    """Two imports of the same account: one starts it, the other gets already_active (I1)."""
    account, definition = an_account(database), a_definition(database)
    rows = [a_start(account, definition) for _ in range(2)]
    one, two = race(database, *[lambda s, row=row: start_rows(s, [row]) for row in rows])
    assert (one[0]["status"], two[0]["status"]) == ("started", "already_active")
    assert two[0]["instance_id"] == one[0]["instance_id"]


def test_commit_that_ends_then_start(database: TestDatabase) -> None:
    """An account that becomes free during a start has at most one live instance (I1)."""
    running, definition = a_running_task(database), a_definition(database)
    item = (running.task_id, running.fence, a_decision("completed", status="completed"))
    _, started = race(
        database,
        lambda s: commit(s, item),
        lambda s: start_rows(s, [a_start(running.account_id, definition)]),
    )
    assert started[0]["status"] == "started"
    assert database.value("select count(*) from workflow_instances where is_live") == 1
    assert database.value("select min(started_at) from workflow_instances") == NOON


def test_a_live_instance_that_ends_under_a_start_is_still_already_active(
    database: TestDatabase,
) -> None:
    """A start that lost to a live instance gets already_active.

    That instance may end a moment later.
    """
    started = an_instance(database)
    row = a_start(started.account_id, a_definition(database))
    barrier, other = database.session(), database.session()
    database.rows(
        "create function hold() returns trigger language plpgsql"
        " as $$ begin perform pg_advisory_xact_lock(4711); return null; end $$;"
        # Between the start's insert and its answer.
        "create trigger hold after insert on audit_log for each statement execute function hold()"
    )
    barrier.begin()
    barrier.rows("select pg_advisory_xact_lock(4711)")
    waiting = start(lambda: start_rows(other, [row]))
    database.until_blocked(other)
    ended = database.session()
    ended.rows(
        "update workflow_instances"
        " set status = 'stopped', finished_at = now(), next_action_at = null where is_live"
    )
    barrier.commit()
    (answer,) = waiting.result()
    assert answer["status"] == "already_active"
    for session in (barrier, other, ended):
        session.close()
