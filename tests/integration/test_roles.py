"""roles.sql: each function of the system has the rights for its own work and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest

from devstack.postgres import Server
from flamebot.adapters.postgres.admin_store import PostgresAdminStore
from flamebot.adapters.postgres.connection import Database
from flamebot.adapters.postgres.engine_store import PostgresEngineStore
from flamebot.adapters.postgres.maintenance_store import PostgresMaintenanceStore
from flamebot.adapters.postgres.migrations import migrate
from flamebot.adapters.postgres.read_store import PostgresReadStore
from flamebot.domain.committed import CommitItem
from flamebot.domain.decision import Decision, InstanceWrite
from flamebot.domain.ids import AccountId
from flamebot.ports.admin_store import FIRST_VERSION, AccountRow, IdempotencyRecord, follows
from tests.support import databases
from tests.support.builders import (
    HORIZON,
    LEASE,
    NOON,
    a_decision,
    a_definition,
    a_next,
    a_start,
    a_submit,
    after,
    an_account,
    an_instance,
)
from tests.support.databases import PASSWORD, Session, TestDatabase, execute
from tests.support.stores import ALICE, StoppedClock, begun_of, failed

RIGHTS = {
    "flamebot_import": {
        "import_accounts", "find_import", "reserve_credentials_versions", "current_definition",
        "definition_document",
    },
    "flamebot_import_file": {
        "begin_import", "import_chunk", "release_import", "fail_import", "miss_import_file",
        "reserve_credentials_versions",
        "definition_document",
    },
    "flamebot_api": {
        "create_import", "cancel_import",
        "start_workflows", "pause_workflow", "resume_workflow", "stop_workflow",
        "instance_snapshot", "retry_workflow", "skip_step",
        "run_workflow_now", "pause_all", "resume_all", "control_state", "publish_definition",
        "current_definition", "definition_document",
        "delete_account", "free_queue_capacity", "claim_due_tasks", "engine_health", "engine_stats",
        "due_histogram", "allowed_actions",
        "has_workflow_lock", "has_active_workflow",
        "service_state", "open_service", "close_service",
    },
    "flamebot_tick": {
        "free_queue_capacity", "claim_due_tasks", "resend_expired", "reclaim_expired",
        "commit_tasks", "definition_document",
        "set_account_status", "record_tick", "engine_health",
    },
    "flamebot_step": {
        "begin_tasks", "commit_tasks", "definition_document", "load_credentials", "mark_registered",
        "set_account_status",
        "acquire_account_lock", "acquire_workflow_lock", "release_account_lock",
        "release_workflow_lock",
    },
    "flamebot_maintenance": {
        "find_stalled_imports", "delete_old_imports",
        "delete_finished_tasks", "delete_expired_locks", "delete_old_requests", "maintain_history",
        "engine_health", "find_orphaned_workflows",
        "record_maintenance", "allowed_actions", "delete_old_calls", "service_state",
    },
}  # fmt: skip
READERS = {"flamebot_api", "flamebot_maintenance"}

LogIn = Callable[[str], str]


@pytest.fixture(scope="module")
def deployed(postgres: Server, sql_dir: Path) -> Iterator[TestDatabase]:
    """Return a migrated database that is no copy.

    A copy would have the rights, but not the settings of the roles.
    """
    name = databases.create(postgres)
    migrate(postgres.url(name), sql_dir)
    one = TestDatabase(postgres, name)
    yield one
    one.close()
    databases.drop(postgres, name)


@pytest.fixture(scope="module")
def password(postgres: Server, deployed: TestDatabase) -> str:
    """Set all roles' password as the local stack does; return it."""
    for role in RIGHTS:
        execute(postgres.url(deployed.name), f"alter role {role} password '{PASSWORD}'")
    return PASSWORD


@pytest.fixture
def log_in(postgres: Server, database: TestDatabase, password: str) -> LogIn:
    """Return the URL by which a role connects."""
    return lambda role: postgres.url(database.name, user=role, password=password)


@pytest.fixture(params=sorted(RIGHTS))
def role(request: pytest.FixtureRequest) -> str:
    """Return each role of roles.sql in turn."""
    return str(request.param)


@pytest.fixture
def session(
    role: str, postgres: Server, deployed: TestDatabase, password: str
) -> Iterator[Session]:
    """Return a session that is logged in as the role."""
    one = Session(postgres.url(deployed.name, user=role, password=password))
    yield one
    one.close()


def test_each_role_may_execute_its_functions_and_no_others(
    deployed: TestDatabase, role: str
) -> None:
    """Each role may execute its SQL functions and no others."""
    rows = deployed.rows(
        "select p.proname from pg_proc p where p.pronamespace = 'public'::regnamespace"
        " and has_function_privilege(%s, p.oid, 'execute')",
        (role,),
    )
    assert {row["proname"] for row in rows} == RIGHTS[role]


def test_no_other_role_may_execute_anything(deployed: TestDatabase) -> None:
    """Postgres grants new functions to PUBLIC. Here that is revoked, also for later functions."""
    deployed.rows("create function made_later() returns int language sql as 'select 1'")
    rows = deployed.rows(
        "select p.proname from pg_proc p where p.pronamespace = 'public'::regnamespace"
        " and has_function_privilege('public', p.oid, 'execute')"
    )
    assert [row["proname"] for row in rows] == []


def test_no_role_touches_a_table_or_a_sequence(deployed: TestDatabase, role: str) -> None:
    """No role reads or writes tables, nor partitions that are made later.

    One may insert into staging, without reading.
    """
    deployed.value("select maintain_history(%s, interval '30 days')", (after(days=3000),))
    rows = deployed.rows(
        "select c.relname from pg_class c where c.relnamespace = 'public'::regnamespace"
        " and c.relkind in ('r', 'p')"
        " and has_table_privilege(%s, c.oid,"
        " 'select, insert, update, delete, truncate, references, trigger')",
        (role,),
    )
    staging = [
        row for row in rows if (role, row["relname"]) == ("flamebot_import_file", "import_staging")
    ]
    assert rows == staging
    assert len(staging) == (role == "flamebot_import_file")
    reading = (
        "select has_table_privilege(%s, 'import_staging',"
        " 'select, update, delete, truncate, references, trigger')"
    )
    assert deployed.value(reading, (role,)) is False
    rows = deployed.rows(
        "select s.seqrelid from pg_sequence s"
        " where has_sequence_privilege(%s, s.seqrelid, 'usage, select, update')",
        (role,),
    )
    assert rows == []


def test_only_what_shows_things_reads_views(deployed: TestDatabase, role: str) -> None:
    """A role that reads views may read all of them, and has no other right on them."""
    rows = deployed.rows(
        "select c.relname, has_table_privilege(%s, c.oid, 'select') as reads,"
        " has_table_privilege(%s, c.oid, 'insert, update, delete') as writes"
        " from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'v'",
        (role, role),
    )
    assert rows
    assert {(row["reads"], row["writes"]) for row in rows} == {(role in READERS, False)}


@pytest.mark.parametrize(
    "statement",
    [
        "select * from accounts",
        "insert into accounts (flamebot_id, credentials_version) values ('x', 1)",
        "update scheduled_tasks set status = 'pending'",
        "delete from audit_log",
        "update workflow_history set status = 'skipped'",
        "truncate workflow_locks",
        "select nextval('fence_seq')",
        "create table mine (x int)",
        "create temporary table mine (x int)",
        "create function mine() returns int language sql as 'select 1'",
        "drop view workflow_overview",
        "set role postgres",
        "alter role flamebot_step superuser",
        "select apply_decision(null, null, null, null, null, null, null, null)",
    ],
)
def test_the_way_around_the_sql_functions_is_closed(session: Session, statement: str) -> None:
    """Statements around the SQL functions are refused, tried by each role."""
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        session.rows(statement)


def test_no_role_waits_for_ever(session: Session) -> None:
    """Statements that hang and forgotten transactions end by a timeout."""
    assert session.value("select current_setting('statement_timeout')") in {"10s", "20s", "1min"}
    assert session.value("select current_setting('idle_in_transaction_session_timeout')") == "30s"


def test_the_api_does_its_work_with_its_role(database: TestDatabase, log_in: LogIn) -> None:
    """The API's role may execute every SQL function of its stores."""
    url = log_in("flamebot_api")
    db, clock = Database(lambda: url), StoppedClock(NOON)
    store, reads = (
        PostgresAdminStore(db, clock, horizon=HORIZON, lease=LEASE),
        PostgresReadStore(db, clock),
    )
    document = {
        "type": "mine",
        "name": "Mine",
        "steps": [{"id": "rest", "action": "wait", "delay": 1}],
    }
    definition = store.publish_definition(document, FIRST_VERSION, ALICE)
    account_id, onward = (
        an_account(database),
        Decision(task=None, instance=InstanceWrite(current_step=0), next=a_submit(after(hours=1))),
    )
    row = a_start(account_id, definition["id"], a_next(at=after(hours=1)))
    assert store.start_workflows([row], ALICE)[0].status == "started"
    store.pause_workflow(row.instance_id, ALICE)
    store.resume_workflow(row.instance_id, "freeze", ALICE)
    store.skip_step(
        row.instance_id, store.instance_snapshot(row.instance_id).instance.revision, onward, ALICE
    )
    store.run_workflow_now(
        row.instance_id, store.instance_snapshot(row.instance_id).instance.revision, ALICE
    )
    store.stop_workflow(row.instance_id, ALICE)
    broken = failed(database)
    store.retry_workflow(
        broken.instance_id,
        store.instance_snapshot(broken.instance_id).instance.revision,
        onward,
        ALICE,
    )
    assert store.pause_all(ALICE)["paused"]
    assert not store.resume_all(ALICE)["paused"]
    assert not store.control_state()["paused"]
    assert store.current_definition("mine") == store.publish_definition(document, follows(1), ALICE)
    assert (
        PostgresEngineStore(db, clock, horizon=HORIZON, lease=LEASE, max_queued=10).claim_due_tasks(
            10
        )
        == []
    )
    assert reads.account(account_id)["flamebot_id"] == account_id
    assert reads.workflow(row.instance_id)["status"] == "stopped"
    assert len(reads.workflows({"status": "stopped"}, None, 10).items) == 1
    assert reads.history(row.instance_id, None, 10).items == []
    assert reads.definitions()
    assert reads.definition_version("mine", 1)
    assert reads.engine_stats()["workflows"]["stopped"] == 1
    assert len(reads.due_histogram(5)) == 5
    assert reads.failed_tasks(None, 5).items == []
    assert reads.engine_health()["read_only"] is False
    store.delete_account(account_id, ALICE)
    db.close()


def test_the_import_does_its_work_with_its_role(database: TestDatabase, log_in: LogIn) -> None:
    """The import's role may store and start accounts, and cannot stop a workflow."""
    url = log_in("flamebot_import")
    db = Database(lambda: url)
    store = PostgresAdminStore(db, StoppedClock(NOON), horizon=HORIZON, lease=LEASE)
    definition_id = a_definition(database)
    assert store.current_definition("default")["id"] == definition_id
    (version,) = store.reserve_credentials_versions(1)
    account = AccountRow(
        account_id="acct-1",
        model_id="m",
        channel_id="c",
        config=None,
        version=version,
        ciphertext=b"x",
    )
    record = IdempotencyRecord(principal="alice", key="k", salt=b"s", digest=b"d", answer={})
    start = a_start("acct-1", definition_id)
    assert store.import_accounts([account], [start], record, ALICE).started[0].status == "started"
    assert store.find_import("alice", "k") is not None
    with pytest.raises(Exception, match="42501"):
        store.stop_workflow(start.instance_id, ALICE)
    db.close()


def test_tick_and_step_do_their_work_with_their_roles(
    database: TestDatabase, log_in: LogIn
) -> None:
    """The tick claims and reclaims, the step begins and commits, and neither can do the other's."""
    tick_url, step_url = log_in("flamebot_tick"), log_in("flamebot_step")
    tick_db, step_db, clock = (
        Database(lambda: tick_url),
        Database(lambda: step_url),
        StoppedClock(after(hours=1)),
    )
    tick = PostgresEngineStore(tick_db, clock, horizon=HORIZON, lease=LEASE, max_queued=10)
    step = PostgresEngineStore(step_db, clock, horizon=HORIZON, lease=LEASE, max_queued=10)
    started = an_instance(database, a_next(at=after(hours=1)))
    (pointer,) = tick.claim_due_tasks(10)
    (begun,) = begun_of(step, [pointer])
    assert step.commit_tasks(
        [
            CommitItem(
                task_id=pointer.task_id,
                fence=begun.task.fence,
                decision=a_decision(status="completed"),
            )
        ]
    )[0].accepted
    assert step.load_credentials(AccountId(started.account_id))["credentials_version"] == 100_000
    assert step.mark_registered(AccountId(started.account_id), 100_000)
    step.set_account_status(AccountId(started.account_id), "suspended")
    assert tick.resend_expired(10) == []
    assert tick.reclaim_expired(10, str(uuid4())) == []
    tick.record_tick(1, 1, 0.1)
    assert tick.engine_health()["last_tick"]["claimed"] == 1
    for forbidden in (
        lambda: step.claim_due_tasks(1),
        lambda: tick.begin_tasks([pointer], str(uuid4())),
    ):
        with pytest.raises(Exception, match="42501"):
            forbidden()
    tick_db.close()
    step_db.close()


def test_maintenance_does_its_work_with_its_role(database: TestDatabase, log_in: LogIn) -> None:
    """The role may create and drop partitions without owning the table."""
    url = log_in("flamebot_maintenance")
    db = Database(lambda: url)
    store = PostgresMaintenanceStore(db, StoppedClock(after(days=4000)))
    assert store.delete_finished_tasks(timedelta(days=7), 10) == 0
    assert (store.delete_expired_locks(), store.delete_old_requests()) == (0, 0)
    assert len(store.maintain_history(timedelta(days=30))["created"]) == 8
    assert store.engine_health()["paused"] is False
    assert store.find_orphaned_workflows("", 10) == {
        "checked": 0,
        "last": None,
        "orphaned": 0,
        "ids": [],
    }
    store.record_maintenance({"after": ""})
    db.close()


def test_roles_log_in_by_iam_where_rds_iam_exists(
    postgres: Server, deployed: TestDatabase, sql_dir: Path
) -> None:
    """On RDS the roles are granted rds_iam; elsewhere that grant is left out."""
    member = (
        "select bool_and(pg_has_role(r.rolname, 'rds_iam', 'member')) from pg_roles r"
        " where r.rolname like 'flamebot\\_%%'"
    )
    execute(postgres.url(), "create role rds_iam nologin")
    try:
        deployed.rows((sql_dir / "roles.sql").read_text().replace("%", "%%"), {"no": 0})
        deployed.rows((sql_dir / "roles.sql").read_text().replace("%", "%%"), {"no": 0})
        assert deployed.value(member, {"no": 0}) is True
    finally:
        execute(postgres.url(), "drop role rds_iam")
