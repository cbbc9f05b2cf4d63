"""At a million rows every statement of every SQL function finds its rows by an index.

The plans are those of the statements inside the functions, called through the adapters, with
statistics of any age.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from flamebot.adapters.postgres.engine_store import PostgresEngineStore
from flamebot.domain.committed import CommitItem
from flamebot.domain.decision import Decision, InstanceWrite
from flamebot.domain.ids import AccountId
from flamebot.domain.service_call import CallCount, CallEnd, Service
from flamebot.ports.admin_store import AccountRow
from tests.support.builders import (
    HORIZON,
    LEASE,
    a_cancel,
    a_decision,
    a_definition,
    a_next,
    a_poll,
    a_start,
    a_submit,
    after,
    an_entry,
    commit,
)
from tests.support.crowd import LARGE
from tests.support.databases import TestDatabase
from tests.support.imports import a_chunk, a_row, admin, announce, begun, import_maintenance, worker
from tests.support.query_plans import WatchedSession, discarding_joins, scanned
from tests.support.services import opened, record
from tests.support.stores import ALICE, StoppedClock, begun_of, control, maintenance, reads

BATCH = 500
MUCH = 10_000
# These read everything, at the request of a person: no step, tick or import waits for them.
FOR_PEOPLE = {"engine_stats"}
# Reads one task by its key, and always raises: no statement of it is left to look at.
RAISING = {"refuse_busy"}
CONTROLLED = (7, 8, 9, 10, 11)  # sleepers that nothing else wakes
TOUCHES = re.compile(rf"\b({'|'.join(LARGE)})\b")


def tasks(db: TestDatabase) -> PostgresEngineStore:
    """Return the store of the step function and the tick."""
    return PostgresEngineStore(
        db.db, StoppedClock(after()), horizon=HORIZON, lease=LEASE, max_queued=20_000
    )


def make_due(db: TestDatabase, count: int = BATCH) -> None:
    """Let some sleepers fall due."""
    db.rows(
        "update scheduled_tasks set scheduled_for = %s"
        " where task_id in (select task_id from scheduled_tasks where is_due"
        " and not account_id = any (%s) limit %s)",
        (after(), [f"sleeper-{number}" for number in CONTROLLED], count),
    )


def lease_much(db: TestDatabase) -> None:
    """Set statistics from a time when ten thousand tasks were queued or running."""
    make_due(db, MUCH)
    store = tasks(db)
    pointers = [pointer for _ in range(MUCH // 1000) for pointer in store.claim_due_tasks(1000)]
    assert len(store.begin_tasks(pointers[: MUCH // 2], str(uuid4()))) == MUCH // 2
    db.rows("analyze scheduled_tasks, workflow_instances")


def a_sleeper(db: TestDatabase, number: int) -> str:
    """Return the instance id of a sleeping task."""
    return str(
        db.value("select id from workflow_instances where account_id = %s", (f"sleeper-{number}",))
    )


def dispatching(db: TestDatabase) -> None:
    """Claim, begin and commit in every way, then reclaim."""
    make_due(db)
    store = tasks(db)
    started = begun_of(store, store.claim_due_tasks(BATCH))
    assert len(started) == BATCH
    ways: list[Decision] = [
        a_decision(next_task=a_poll(at=after(hours=1)), history=(an_entry(),)),
        a_decision(next_task=a_submit(run=True), if_stopping=a_cancel()),
        a_decision("pending", at=after(minutes=1)),
        a_decision("completed", status="completed", history=(an_entry(),)),
        a_decision("failed", status="failed", instance={"last_error": "refused: no"}),
    ]
    fences = [(each.task_id, each.task.fence) for each in started]
    store.commit_tasks(
        [
            CommitItem(task_id=i, fence=f, decision=ways[n % len(ways)])
            for n, (i, f) in enumerate(fences)
        ]
    )
    make_due(db)
    begun_again = begun_of(store, store.claim_due_tasks(BATCH)[: BATCH // 2])
    assert begun_again
    db.rows(
        "update scheduled_tasks set lease_expires_at = clock_timestamp() - interval '1 hour'"
        " where lease_expires_at is not null"
    )
    assert store.reclaim_expired(100, str(uuid4()))
    assert store.resend_expired(BATCH)
    store.record_tick(1, 1, 0.1)
    store.engine_health()


def pausing_everything(db: TestDatabase) -> None:
    """Pause the engine, tick, and resume."""
    make_due(db)
    control(db, after()).pause_all(ALICE)
    tasks(db).claim_due_tasks(BATCH)
    control(db, after()).resume_all(ALICE)
    control(db, after()).control_state()


def controlling(db: TestDatabase) -> None:
    """Call everything that an operator can do to one workflow."""
    admin_of = control(db, after())
    first, second, third, fourth = (a_sleeper(db, number) for number in CONTROLLED[:4])
    for clock in ("freeze", "run_on"):
        admin_of.pause_workflow(first, ALICE)
        admin_of.resume_workflow(first, clock, ALICE)
    admin_of.run_workflow_now(second, admin_of.instance_snapshot(second).instance.revision, ALICE)
    skipped = Decision(
        task=None,
        instance=InstanceWrite(current_step=1),
        history=(an_entry("skipped"),),
        next=a_submit(after(hours=1)),
    )
    admin_of.skip_step(third, admin_of.instance_snapshot(third).instance.revision, skipped, ALICE)
    admin_of.stop_workflow(fourth, ALICE)
    make_due(db, 1)
    (failing,) = begun_of(tasks(db), tasks(db).claim_due_tasks(1))
    commit(
        db,
        (
            failing.task_id,
            failing.task.fence,
            a_decision("failed", status="failed", instance={"last_error": "refused: no"}),
        ),
        now=after(),
    )
    instance_id = failing.instance.instance_id
    again = Decision(
        task=None, instance=InstanceWrite(current_step=2), next=a_submit(after(hours=1))
    )
    admin_of.retry_workflow(
        instance_id, admin_of.instance_snapshot(instance_id).instance.revision, again, ALICE
    )


def importing(db: TestDatabase) -> None:
    """Import new and known accounts, with and without starts."""
    workflow = a_definition(db)
    names = [f"new-{n}" for n in range(BATCH)] + [f"sleeper-{n}" for n in range(1, BATCH + 1)]
    rows = [
        AccountRow(
            account_id=name,
            model_id="m",
            channel_id="c",
            config={"a": 1},
            version=n,
            ciphertext=b"sealed",
        )
        for n, name in enumerate(names)
    ]
    answer = control(db, after()).import_accounts(
        rows, [a_start(name, workflow, a_next()) for name in names], None, ALICE
    )
    assert sum(start.status == "started" for start in answer.started) == BATCH
    control(db, after()).start_workflows([a_start("sleeper-1", workflow)], ALICE)


def importing_a_file(db: TestDatabase) -> None:
    """Store a chunk of new and known accounts, and end imports in each way."""
    workflow = a_definition(db)
    lease = begun(db, definition_id=workflow)
    names = [f"filed-{n}" for n in range(BATCH)] + [f"sleeper-{n}" for n in range(1, BATCH + 1)]
    staged = [
        a_row(name, n, a_start(name, workflow, a_next(at=after(days=1))))
        for n, name in enumerate(names, 2)
    ]
    store = worker(db, queue_capacity=20_000)
    assert store.import_chunk(lease, a_chunk(lease, *staged)).started == BATCH
    again = replace(lease, bytes_read=500)
    repeated = [replace(row, row=row.row + 5000) for row in staged]
    assert (
        store.import_chunk(again, a_chunk(again, *repeated, to=900, last=True)).rejected
        == 2 * BATCH
    )
    store.release_import(begun(db))
    store.fail_import(begun(db), "unreadable: no")
    store.miss_import_file(announce(db))
    admin(db).cancel_import(announce(db), ALICE)
    import_maintenance(db).find_stalled_imports()
    import_maintenance(db).delete_old_imports()


def keeping_accounts(db: TestDatabase) -> None:
    """Call what the step function and the API do to one account."""
    store = tasks(db)
    store.load_credentials(AccountId("sleeper-1"))
    store.mark_registered(AccountId("sleeper-1"), 1)
    store.set_account_status(AccountId("sleeper-1"), "suspended")
    admin_of = control(db, after())
    admin_of.stop_workflow(a_sleeper(db, 11), ALICE)
    admin_of.delete_account("sleeper-11", ALICE)
    db.db.call("select has_active_workflow('sleeper-12')")


def maintaining(db: TestDatabase) -> None:
    """Run the batches of a maintenance run."""
    make_due(db)
    store = tasks(db)
    started = begun_of(store, store.claim_due_tasks(BATCH))
    items = [
        CommitItem(task_id=each.task_id, fence=each.task.fence, decision=a_decision())
        for each in started
    ]
    store.commit_tasks(items)
    pass_of = maintenance(db, after(days=40))
    assert pass_of.delete_finished_tasks(timedelta(days=30), 1000) == BATCH
    pass_of.delete_expired_locks()
    pass_of.delete_old_requests()
    pass_of.find_orphaned_workflows("sleeper-5", BATCH)
    pass_of.maintain_history(timedelta(days=90))
    pass_of.record_maintenance({})
    pass_of.engine_health()


def reading(db: TestDatabase) -> None:
    """Call what the console calls regularly."""
    store = reads(db, after())
    store.account("sleeper-1")
    store.workflow(a_sleeper(db, 1))
    page = store.workflows({}, None, 50)
    store.workflows({}, page.next_cursor, 50)
    store.workflows({"account_id": "sleeper-1"}, None, 50)
    store.workflows({"status": "failed"}, None, 50)
    store.history(a_sleeper(db, 1), None, 50)
    store.failed_tasks(None, 50)
    store.due_histogram(60)
    store.engine_health()


def breaking(db: TestDatabase) -> None:
    """Claim, begin and commit while the breaker of a service is open, half open and lowered."""
    make_due(db)
    store = tasks(db)
    opened(db.main, now=after())
    assert store.claim_due_tasks(BATCH)
    record(db.main, now=after(), answered=1)
    begun_again = begun_of(store, store.claim_due_tasks(BATCH))
    lost = [CallCount(service=Service.ACTIONS, generation=9, ends={CallEnd.UNKNOWN: 5})]
    store.commit_tasks(
        [
            CommitItem(
                task_id=each.task_id,
                fence=each.task.fence,
                decision=a_decision("pending", at=after(minutes=1)),
            )
            for each in begun_again
        ],
        lost,
    )
    store.engine_health()


SCENES: list[Callable[[TestDatabase], None]] = [
    dispatching, pausing_everything, controlling, importing, importing_a_file, keeping_accounts,
    maintaining, reading, breaking,
]  # fmt: skip


@pytest.fixture
def watched(crowded: TestDatabase) -> Iterator[WatchedSession]:
    """Return the adapters on the crowd's main session, whose plans are kept."""
    usual, watching = crowded.db, WatchedSession(crowded.main)
    crowded.db = watching
    crowded.rows("set track_functions = 'all'")
    yield watching
    crowded.db = usual
    crowded.rows("reset track_functions")
    crowded.rows("reset plan_cache_mode")


@pytest.mark.parametrize("known", ["nothing was out", "much was out"])
@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
def test_no_statement_reads_a_table_from_end_to_end(
    crowded: TestDatabase, watched: WatchedSession, sql_dir: Path, plan: str, known: str
) -> None:
    """No statement scans a large table or joins all rows with all.

    The statistics are from when nothing was leased, or from when much was.
    """
    crowded.rows(f"set plan_cache_mode = {plan}")
    offences = []
    crowded.main.begin()
    try:
        if known == "much was out":
            lease_much(crowded)
        tables = watched.large_tables()
        assert set(LARGE) <= {name.partition("_2")[0] for name in tables.values()}
        for scene in SCENES:
            watched.plans.clear()
            crowded.rows("savepoint before")
            scene(crowded)
            crowded.rows("rollback to savepoint before")
            for sql, tree in watched.plans:
                if read := scanned(tree, tables):
                    offences.append(f"{scene.__name__}: {sql}: reads all of {read}")
                if discarding_joins(tree, tables):
                    offences.append(f"{scene.__name__}: {sql}: joins all with all")
        called = {
            row["funcname"]
            for row in crowded.rows("select funcname from pg_stat_xact_user_functions")
        }
    finally:
        crowded.main.rollback()
    assert offences == []
    touching = {
        path.stem
        for path in (sql_dir / "functions").glob("*.sql")
        if TOUCHES.search(path.read_text().partition("$$")[2])
    }
    assert touching - called == FOR_PEOPLE | RAISING, "an SQL function that no scene here calls"
