"""The lock order: a transaction that waits holds no lock that comes later in the order.

In the table, rows lie against the order of their ids, and indexes are not used: only the ORDER BY
of the function itself can put them in order.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from flamebot.adapters.postgres.rows import decision_json, to_json
from flamebot.domain.decision import Decision, InstanceWrite
from tests.support.builders import (
    HORIZON,
    LEASE,
    NOON,
    a_decision,
    a_definition,
    a_next,
    a_running_task,
    a_start,
    a_submit,
    after,
    an_account,
    an_instance,
    begin,
    commit,
    pause,
    pause_all,
    resume,
    start_rows,
    task,
)
from tests.support.databases import Session, TestDatabase, start
from tests.support.stores import ALICE, control, failed

LOW, HIGH = "00000000-0000-4000-8000-000000000001", "ffffffff-ffff-4fff-bfff-ffffffffffff"
LOCK = {
    "accounts": "select 1 from accounts where flamebot_id = %s for update",
    "instances": "select 1 from workflow_instances where id = %s for no key update",
    "tasks": "select 1 from scheduled_tasks where task_id = %s for no key update",
}
IMPORT = (
    "select import_accounts(%s, '[]', 'alice', null, null, null, null, 'alice', null, null,"
    " interval '120 s', interval '90 s', 1) as answer"
)


def by_table(database: TestDatabase) -> Session:
    """Return a session that reads tables from their beginning and uses no index."""
    session = database.session()
    for method in ("indexscan", "bitmapscan", "indexonlyscan"):
        session.rows(f"set enable_{method} = off")
    return session


def keeps_the_order(
    database: TestDatabase, level: str, low: str, high: str, operation: Callable[[Session], Any]
) -> None:
    """Assert that the function waits for the low row without having locked the high one."""
    holder, caller = database.session(), by_table(database)
    holder.begin()
    holder.rows(LOCK[level], (low,))
    waiting = start(lambda: operation(caller))
    database.until_blocked(caller)
    database.rows(f"{LOCK[level]} nowait", (high,))
    holder.commit()
    waiting.result()


def two_instances(database: TestDatabase) -> None:
    """Return instances of two accounts, the one with the high id first."""
    for instance_id in (HIGH, LOW):
        start_rows(
            database,
            [a_start(an_account(database), a_definition(database), instance_id=instance_id)],
        )


@pytest.mark.race
def test_begin_locks_tasks_by_id(database: TestDatabase) -> None:
    """Two deliveries with the same tasks in opposite order do not deadlock."""
    two_instances(database)
    ids = [f"{HIGH}:1", f"{LOW}:1"]
    fences = [task(database, each)["fence"] for each in ids]
    keeps_the_order(
        database, "tasks", ids[1], ids[0], lambda session: begin(session, *ids, fences=fences)
    )


def running(database: TestDatabase) -> list[tuple[str, int, Decision]]:
    """Return items for a commit of two running tasks, the high id first."""
    two_instances(database)
    return [
        (f"{each}:1", begin(database, f"{each}:1")[0]["fence"], a_decision())
        for each in (HIGH, LOW)
    ]


@pytest.mark.race
def test_commit_locks_instances_by_id(database: TestDatabase) -> None:
    """Instances come before tasks, each level by id."""
    items = running(database)
    keeps_the_order(database, "instances", LOW, HIGH, lambda session: commit(session, *items))


@pytest.mark.race
def test_commit_locks_tasks_by_id(database: TestDatabase) -> None:
    """Reclaim, which locks only a task's row, meets commits in the same order."""
    items = running(database)
    keeps_the_order(
        database, "tasks", f"{LOW}:1", f"{HIGH}:1", lambda session: commit(session, *items)
    )


@pytest.mark.race
def test_start_locks_accounts_by_id(database: TestDatabase) -> None:
    """Two imports with the same accounts in opposite order do not deadlock."""
    high, low = an_account(database, "z"), an_account(database, "a")
    rows = [a_start(each, a_definition(database)) for each in (high, low)]
    keeps_the_order(database, "accounts", low, high, lambda session: start_rows(session, rows))


@pytest.mark.race
def test_start_inserts_by_account(database: TestDatabase) -> None:
    """A start that waits at the unique index for one account has inserted no later account."""
    definition = a_definition(database)
    rows = [a_start(an_account(database, each), definition) for each in ("z", "a")]
    insert = (
        "insert into workflow_instances (id, account_id, workflow_id, total_steps, started_at,"
        " updated_at)"
        " values (%s, %s, %s, 3, now(), now())"
    )
    holder, starter = database.session(), by_table(database)
    holder.begin()
    holder.rows(insert, (str(uuid4()), "a", definition))
    waiting = start(lambda: start_rows(starter, rows))
    database.until_blocked(starter)
    database.rows("set lock_timeout = '2s'")
    database.rows(insert, (str(uuid4()), "z", definition))
    holder.commit()
    assert {row["status"] for row in waiting.result()} == {"already_active"}


def imported(*account_ids: str) -> str:
    """Return the rows of an import with these accounts."""
    return to_json(
        [
            {"flamebot_id": each, "model_id": "m", "channel_id": "c", "version": 100_001}
            for each in account_ids
        ]
    )


@pytest.mark.race
def test_import_stores_accounts_by_id(database: TestDatabase) -> None:
    """New and known accounts go in the order of the collation of the column, capitals first."""
    an_account(database, "B")
    holder, importer = database.session(), by_table(database)
    holder.begin()
    holder.rows(LOCK["accounts"], ("B",))
    waiting = start(lambda: importer.one(IMPORT, (imported("a", "B"),)))
    database.until_blocked(importer)
    database.rows("set lock_timeout = '2s'")
    an_account(database, "a")
    holder.commit()
    assert waiting.result()["answer"]["accounts"] == {"B": "updated", "a": "updated"}


@pytest.mark.race
def test_import_takes_the_engines_control_before_accounts(database: TestDatabase) -> None:
    """An import that waits for a global pause holds no account."""
    an_account(database, "a")
    pauser, importer = database.session(), database.session()
    pauser.begin()
    pause_all(pauser)
    waiting = start(lambda: importer.one(IMPORT, (imported("a"),)))
    database.until_blocked(importer)
    database.rows(f"{LOCK['accounts']} nowait", ("a",))
    pauser.commit()
    assert waiting.result()["answer"]["accounts"] == {"a": "updated"}


ONWARD = to_json(
    decision_json(Decision(task=None, instance=InstanceWrite(current_step=1), next=a_submit()))
)
TIMES = {"now": NOON, "horizon": HORIZON, "lease": LEASE, "decision": ONWARD}
MAKES_DUE = {
    "resume": "select resume_workflow(%(id)s, 'freeze', %(now)s, %(horizon)s, %(lease)s, 1, 'a',"
    " null)",
    "retry": "select retry_workflow(%(id)s, 1, %(decision)s, %(now)s, %(horizon)s, %(lease)s, 1,"
    " 'a', null)",
    "skip": "select skip_step(%(id)s, 0, %(decision)s, %(now)s, %(horizon)s, %(lease)s, 1, 'a',"
    " null)",
    "run now": "select run_workflow_now(%(id)s, 0, %(now)s, %(lease)s, 'a', null)",
}


@pytest.mark.race
@pytest.mark.parametrize("operation", ["start", *MAKES_DUE])
def test_a_global_pause_waits_for_functions_that_make_a_task_due(
    database: TestDatabase, operation: str
) -> None:
    """I7: after a global pause is acknowledged, only cancels are queued.

    A function that makes tasks due has finished by then, or finds the pause.
    """
    started = (
        failed(database)
        if operation == "retry"
        else an_instance(database, a_next(at=after(hours=1)))
    )
    if operation == "resume":
        control(database).pause_workflow(started.instance_id, ALICE)
    row = a_start(an_account(database), a_definition(database))
    caller, pauser = database.session(), database.session()
    caller.begin()
    if operation == "start":
        start_rows(caller, [row])
    else:
        caller.rows(MAKES_DUE[operation], {**TIMES, "id": started.instance_id})
    waiting = start(lambda: pause_all(pauser))
    database.until_blocked(pauser)
    caller.commit()
    waiting.result()


def two_failed(database: TestDatabase) -> str:
    """Return an account with two failed instances, the one with the high id first in the table."""
    account_id, definition = an_account(database), a_definition(database)
    for instance_id in (HIGH, LOW):
        start_rows(database, [a_start(account_id, definition, instance_id=instance_id)])
        (begun,) = begin(database, f"{instance_id}:1")
        assert commit(
            database, (f"{instance_id}:1", begun["fence"], a_decision("failed", status="failed"))
        )
    return account_id


def erase(account_id: str) -> Callable[[Session], Any]:
    """Call delete_account for an account."""
    return lambda session: session.rows("select delete_account(%s, 'a', null)", (account_id,))


@pytest.mark.race
def test_erasing_locks_instances_by_id(database: TestDatabase) -> None:
    """Erasing beside commits and retries of the same account does not deadlock."""
    keeps_the_order(database, "instances", LOW, HIGH, erase(two_failed(database)))


@pytest.mark.race
def test_erasing_locks_tasks_by_id(database: TestDatabase) -> None:
    """Erasing beside repeated commits does not deadlock."""
    keeps_the_order(database, "tasks", f"{LOW}:1", f"{HIGH}:1", erase(two_failed(database)))


CHANGES = {
    **MAKES_DUE,
    "pause": "select pause_workflow(%(id)s, %(now)s, 'a', null)",
    "stop": "select stop_workflow(%(id)s, %(now)s, %(lease)s, 'a', null)",
}


@pytest.mark.race
@pytest.mark.parametrize("operation", ["commit", *CHANGES])
def test_an_instance_is_locked_before_its_task(database: TestDatabase, operation: str) -> None:
    """A function that waits for an instance holds no lock on its task.

    Otherwise pause and commit could deadlock.
    """
    items: list[tuple[str, int, Decision]] = []
    if operation == "commit":
        running = a_running_task(database)
        instance_id, task_id = running.instance_id, running.task_id
        items = [(task_id, running.fence, a_decision())]
    else:
        started = (
            failed(database)
            if operation == "retry"
            else an_instance(database, a_next(at=after(hours=1)))
        )
        instance_id, task_id = started.instance_id, started.task_id
    if operation == "resume":
        control(database).pause_workflow(instance_id, ALICE)
    holder, caller = database.session(), database.session()
    holder.begin()
    holder.rows(LOCK["instances"], (instance_id,))
    waiting = start(
        lambda: (
            commit(caller, *items)
            if items
            else caller.rows(CHANGES[operation], {**TIMES, "id": instance_id})
        )
    )
    database.until_blocked(caller)
    database.rows(f"{LOCK['tasks']} nowait", (task_id,))
    holder.commit()
    waiting.result()


@pytest.mark.race
@pytest.mark.parametrize("operation", ["pause", "resume"])
def test_the_time_is_read_after_the_waiting(database: TestDatabase, operation: str) -> None:
    """I7: what the function waited for has begun before the moment that it calls now.

    A frozen wait counts from that moment.
    """
    started = an_instance(database, a_next(at=datetime.now(UTC) + timedelta(hours=1)))  # noqa: TID251  # the database's clock is meant
    if operation == "resume":
        pause(database, started.instance_id, now=None)
    holder, caller = database.session(), database.session()
    holder.begin()
    holder.rows(LOCK["tasks"], (started.task_id,))
    waiting = start(
        lambda: (
            pause(caller, started.instance_id, now=None)
            if operation == "pause"
            else resume(caller, started.instance_id, now=None)
        )
    )
    database.until_blocked(caller)
    released = database.value("select clock_timestamp()")
    holder.commit()
    waiting.result()
    assert (
        database.value(
            "select updated_at from workflow_instances where id = %s", (started.instance_id,)
        )
        >= released
    )
