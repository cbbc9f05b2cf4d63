"""The stores as the functions use them, at a chosen moment, and instances in various states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from flamebot.adapters.postgres.admin_store import PostgresAdminStore
from flamebot.adapters.postgres.engine_store import PostgresEngineStore
from flamebot.adapters.postgres.maintenance_store import PostgresMaintenanceStore
from flamebot.adapters.postgres.read_store import PostgresReadStore
from flamebot.domain.begun import Begun
from flamebot.domain.decision import NextTask
from flamebot.domain.message import TaskPointer
from flamebot.domain.task import EffectRequest, Payload
from flamebot.ports.admin_store import Caller
from tests.support.builders import (
    HORIZON,
    LEASE,
    NOON,
    Started,
    a_decision,
    a_poll,
    a_submit,
    an_instance,
    begin,
    commit,
)
from tests.support.databases import Row, TestDatabase

ALICE = Caller(actor="alice", reason="because")
REQUEST = EffectRequest(method="POST", path="/accounts/{accountId}/swipe-tasks", body={"count": 5})


@dataclass(frozen=True, slots=True)
class StoppedClock:
    """A schedule clock that stands still."""

    at: datetime
    rate: float = 1.0

    def now(self) -> datetime:
        """Return the schedule time of the test."""
        return self.at

    def wall(self) -> datetime:
        """Return the wall time of the test."""
        return self.at

    def monotonic(self) -> float:
        """Return the time of the test in seconds."""
        return self.at.timestamp()

    def sleep(self, seconds: float) -> None:
        """Fail: no test may wait for the clock."""
        raise AssertionError(seconds)


def control(
    database: TestDatabase, at: datetime = NOON, *, rate: float = 1.0
) -> PostgresAdminStore:
    """Return the admin store at a given time."""
    return PostgresAdminStore(database.db, StoppedClock(at, rate), horizon=HORIZON, lease=LEASE)


def reads(database: TestDatabase, at: datetime = NOON) -> PostgresReadStore:
    """Return the read store at a given time."""
    return PostgresReadStore(database.db, StoppedClock(at))


def maintenance(database: TestDatabase, at: datetime = NOON) -> PostgresMaintenanceStore:
    """Return the maintenance store at a given time."""
    return PostgresMaintenanceStore(database.db, StoppedClock(at))


def audit(database: TestDatabase, action: str) -> list[Row]:
    """Return the rows of the audit log for a function, oldest first."""
    return database.rows("select * from audit_log where action = %s order by id", (action,))


def last_task(database: TestDatabase, instance_id: str) -> Row:
    """The task with the highest sequence."""
    return database.rows(
        "select * from scheduled_tasks where workflow_instance_id = %s order by sequence desc"
        " limit 1",
        (instance_id,),
    )[0]


def forced(database: TestDatabase, task_id: str, **columns: Any) -> None:
    """Set columns of a task directly, against the protocol."""
    assignments = ", ".join(f"{name} = %s" for name in columns)
    database.rows(
        f"update scheduled_tasks set {assignments} where task_id = %s", (*columns.values(), task_id)
    )


def running(database: TestDatabase, next_task: NextTask | None = None) -> Started:
    """An instance whose first task is running."""
    started = an_instance(database, next_task)
    begin(database, started.task_id)
    return started


def polling(database: TestDatabase, at: datetime = NOON) -> Started:
    """Return an instance that waits to poll its open job."""
    payload = Payload(request=REQUEST, job_id="job-1", key="key-1", started_at=NOON, polls=3)
    return an_instance(database, a_poll(at, payload=payload))


def unsure(database: TestDatabase, at: datetime = NOON + timedelta(seconds=30)) -> Started:
    """Return an instance whose submit had no response and is sent again at `at`."""
    started = an_instance(database, a_submit(payload=Payload(request=REQUEST, started_at=NOON)))
    (begun,) = begin(database, started.task_id)
    again = a_decision("pending", at=at, task={"outcome_unknown": True, "attempts": 1})
    assert commit(database, (started.task_id, begun["fence"], again))
    return started


def failed(
    database: TestDatabase,
    *,
    unknown: bool = False,
    next_task: NextTask | None = None,
    account_id: str | None = None,
) -> Started:
    """An instance that failed at its submit."""
    submit = next_task or a_submit(
        payload=Payload(request=REQUEST, started_at=NOON, paused_ms=5, global_paused_ms=7)
    )
    started = an_instance(database, submit, account_id=account_id)
    (begun,) = begin(database, started.task_id)
    decision = a_decision(
        "failed",
        status="failed",
        task={
            "outcome_unknown": unknown,
            "attempts": 3,
            "error": "outcome_unknown: no answer" if unknown else "refused: no",
        },
        instance={"current_step": 2, "last_error": "refused: no"},
    )
    assert commit(database, (started.task_id, begun["fence"], decision))
    return started


def begun_of(store: PostgresEngineStore, pointers: Sequence[TaskPointer]) -> list[Begun]:
    """Begin tasks that are due, under a new delivery id."""
    results = store.begin_tasks(pointers, str(uuid4()))
    begun = [result for result in results if isinstance(result, Begun)]
    assert len(begun) == len(results)
    return begun
