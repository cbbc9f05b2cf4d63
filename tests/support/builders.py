"""Builders: the least that a test needs, in the words of the domain.

Everything can be overridden.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple
from uuid import uuid4

from flamebot.adapters.postgres.rows import decision_json, start_row_json, to_json
from flamebot.domain.decision import Decision, HistoryEntry, InstanceWrite, NextTask, TaskWrite
from flamebot.domain.task import Payload, Phase
from flamebot.ports.admin_store import StartRow
from tests.support.databases import Row, Session, TestDatabase

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)  # schedule time of every test that does not care
HORIZON, LEASE = timedelta(seconds=120), timedelta(seconds=90)
Asker = TestDatabase | Session

STEPS: list[Mapping[str, Any]] = [
    {"id": "rest", "action": "wait", "delay": "30s"},
    {"id": "prompt", "action": "add_prompt", "text": "hello"},
    {"id": "swipe", "action": "swipe_with_spectre", "swipeCount": 5},
]


def after(**span: float) -> datetime:
    """Return a moment that is so long after noon."""
    return NOON + timedelta(**span)


def an_account(db: Asker, account_id: str | None = None, **columns: Any) -> str:
    """Store an account that can be started, and return its id."""
    account_id = account_id or f"account-{uuid4().hex[:10]}"
    values: dict[str, Any] = {
        "flamebot_id": account_id,
        "model_id": "model-1",
        "channel_id": "channel-1",
        "credentials_version": 100_000,
        **columns,
    }
    names = ", ".join(values)
    db.rows(
        f"insert into accounts ({names}) values ({', '.join(['%s'] * len(values))})",
        tuple(_bound(value) for value in values.values()),
    )
    return account_id


def a_definition(
    db: Asker,
    workflow_type: str = "default",
    *,
    version: int = 1,
    steps: Sequence[Mapping[str, Any]] = STEPS,
    **columns: Any,
) -> int:
    """Store a definition version, or find the existing one, and return its id."""
    found = db.rows(
        "select id from workflow_definitions where type = %s and version = %s",
        (workflow_type, version),
    )
    if found:
        return int(found[0]["id"])
    values = {
        "type": workflow_type,
        "version": version,
        "name": workflow_type,
        "steps": list(steps),
        **columns,
    }
    names = ", ".join(values)
    (row,) = db.rows(
        f"insert into workflow_definitions ({names}) values ({', '.join(['%s'] * len(values))})"
        f" returning id",
        tuple(_bound(value) for value in values.values()),
    )
    return int(row["id"])


def a_next(
    phase: Phase = Phase.TIMER,
    *,
    at: datetime = NOON,
    step_id: str = "rest",
    action: str = "wait",
    **fields: Any,
) -> NextTask:
    """A next task: by default the wake-up of a wait, due at noon."""
    return NextTask(step_id=step_id, action=action, phase=phase, at=at, **fields)


def an_entry(
    status: Literal["completed", "failed", "retried", "skipped", "cancelled"] = "completed",
    *,
    step_id: str = "rest",
    **fields: Any,
) -> HistoryEntry:
    """Return a history entry of a completed step."""
    return HistoryEntry(
        **{
            "step_id": step_id,
            "action": "wait",
            "status": status,
            "attempt": 1,
            "started_at": NOON,
            "finished_at": NOON,
            **fields,
        }
    )


def a_start(
    account_id: str, definition_id: int, next_task: NextTask | None = None, **fields: Any
) -> StartRow:
    """A row for start_workflows."""
    decision = Decision(
        task=None, instance=InstanceWrite(current_step=0), next=next_task or a_next()
    )
    return StartRow(
        **{
            "instance_id": str(uuid4()),
            "account_id": account_id,
            "definition_id": definition_id,
            "total_steps": 3,
            "decision": decision,
            **fields,
        }
    )


def start_rows(db: Asker, rows: Sequence[StartRow], *, now: datetime | None = NOON) -> list[Row]:
    """Call start_workflows and return its rows."""
    return db.rows(
        "select * from start_workflows(%s::jsonb, 'tester', 'a test', %s, %s, %s, 1)",
        (to_json([start_row_json(row) for row in rows]), now, HORIZON, LEASE),
    )


class Started(NamedTuple):
    """A started instance and its first task."""

    instance_id: str
    task_id: str
    account_id: str


def an_instance(
    db: Asker,
    next_task: NextTask | None = None,
    *,
    now: datetime = NOON,
    account_id: str | None = None,
) -> Started:
    """Store an account and start an instance for it.

    By default its first task is due at noon, and so is queued.
    """
    row = a_start(account_id or an_account(db), a_definition(db), next_task)
    (answer,) = start_rows(db, [row], now=now)
    assert answer["status"] == "started"
    return Started(row.instance_id, f"{row.instance_id}:1", row.account_id)


class Running(NamedTuple):
    """A task that was begun, with its fence."""

    instance_id: str
    task_id: str
    fence: int
    account_id: str


def a_running_task(
    db: Asker, next_task: NextTask | None = None, *, now: datetime = NOON
) -> Running:
    """Start an instance and begin its first task."""
    started = an_instance(db, next_task, now=now)
    (row,) = begin(db, started.task_id, now=now)
    return Running(started.instance_id, started.task_id, row["fence"], started.account_id)


def begin(
    db: Asker,
    *task_ids: str,
    delivery_id: str | None = None,
    now: datetime | None = NOON,
    fences: Sequence[int] | None = None,
) -> list[Row]:
    """Call begin_tasks, by default with the fences that the tasks have now."""
    known = {
        row["task_id"]: row["fence"]
        for row in db.rows(
            "select task_id, fence from scheduled_tasks where task_id = any (%s)", (list(task_ids),)
        )
    }
    given = list(fences) if fences is not None else [known[task_id] for task_id in task_ids]
    return db.rows(
        "select * from begin_tasks(%s::text[], %s::bigint[], %s::uuid, %s, %s)",
        (list(task_ids), given, delivery_id or str(uuid4()), now, LEASE),
    )


def a_decision(
    to: Literal["completed", "failed", "cancelled", "pending"] = "completed",
    next_task: NextTask | None = None,
    *,
    status: Literal["completed", "failed", "stopped"] | None = None,
    at: datetime = NOON,
    task: Mapping[str, Any] | None = None,
    instance: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Decision:
    """Return a decision.

    By default the task is completed and, unless the instance ends, followed by a timer in an
    hour.
    """
    if next_task is None and status is None and to != "pending":
        next_task = a_next(at=after(hours=1))
    write = replace(TaskWrite(to=to, at=at if to == "pending" else None), **(task or {}))
    return Decision(
        task=write,
        instance=replace(InstanceWrite(current_step=1, status=status), **(instance or {})),
        next=next_task,
        **fields,
    )


def commit(
    db: Asker,
    *items: tuple[str, int, Decision],
    now: datetime | None = NOON,
    lease: timedelta = LEASE,
) -> list[Row]:
    """Call commit_tasks with (task id, fence, decision)."""
    document = [
        {"task_id": task_id, "fence": fence, "decision": decision_json(decision)}
        for task_id, fence, decision in items
    ]
    return db.rows(
        "select * from commit_tasks(%s::jsonb, %s, %s, %s, 1)",
        (to_json(document), now, HORIZON, lease),
    )


def commit_one(database: TestDatabase, running: Running, decision: Decision, **options: Any) -> Row:
    """Commit one decision that must be accepted."""
    (row,) = commit(database, (running.task_id, running.fence, decision), **options)
    return row


def second(running: Running) -> str:
    """The id of the task that follows."""
    return f"{running.instance_id}:2"


def claim(
    db: Asker, limit: int = 100, *, now: datetime | None = NOON, horizon: timedelta = HORIZON
) -> list[Row]:
    """Call claim_due_tasks and return its rows."""
    return db.rows("select * from claim_due_tasks(%s, %s, %s, %s, 1)", (now, horizon, limit, LEASE))


def reclaim(db: Asker, limit: int = 100, *, now: datetime | None = NOON) -> list[Row]:
    """Call reclaim_expired and return its rows."""
    return db.rows(
        "select * from reclaim_expired(%s, %s::uuid, %s, %s)", (limit, str(uuid4()), now, LEASE)
    )


def pause(db: Asker, instance_id: str, *, now: datetime | None = NOON) -> Row:
    """Call pause_workflow and return its result."""
    return db.one("select pause_workflow(%s, %s, 'tester', null) as answer", (instance_id, now))


def resume(
    db: Asker, instance_id: str, *, clock: str = "freeze", now: datetime | None = NOON
) -> Row:
    """Call resume_workflow and return its result."""
    return db.one(
        "select resume_workflow(%s, %s, %s, %s, %s, 1, 'tester', null) as answer",
        (instance_id, clock, now, HORIZON, LEASE),
    )


def stop(db: Asker, instance_id: str, *, now: datetime | None = NOON) -> Row:
    """Call stop_workflow and return its result."""
    return db.one(
        "select stop_workflow(%s, %s, %s, 'tester', null) as answer", (instance_id, now, LEASE)
    )


def pause_all(db: Asker, *, now: datetime | None = NOON) -> Row:
    """Call pause_all and return its result."""
    return db.one("select pause_all(%s, 'tester', null) as answer", (now,))


def resume_all(db: Asker, *, now: datetime | None = NOON) -> Row:
    """Call resume_all and return its result."""
    return db.one("select resume_all(%s, 'tester', null) as answer", (now,))


def task(db: Asker, task_id: str) -> Row:
    """A row of scheduled_tasks."""
    return db.one("select * from scheduled_tasks where task_id = %s", (task_id,))


def instance(db: Asker, instance_id: str) -> Row:
    """A row of workflow_instances."""
    return db.one("select * from workflow_instances where id = %s", (instance_id,))


def live_tasks(db: Asker, instance_id: str) -> list[str]:
    """The statuses of an instance's live tasks: one while it is live, else none (I2)."""
    return [
        row["status"]
        for row in db.rows(
            "select status from scheduled_tasks where workflow_instance_id = %s and is_live",
            (instance_id,),
        )
    ]


def a_submit(at: datetime = NOON, **fields: Any) -> NextTask:
    """Return the submit task of a swipe step."""
    return a_next(Phase.SUBMIT, at=at, step_id="swipe", action="swipe_with_spectre", **fields)


def a_poll(at: datetime = NOON, **fields: Any) -> NextTask:
    """The poll of a swipe's job."""
    return a_next(
        Phase.POLL,
        at=at,
        step_id="swipe",
        action="swipe_with_spectre",
        **{"payload": Payload(job_id="job-1", key="key-1"), **fields},
    )


def a_cancel(at: datetime = NOON, reason: str = "stop", **fields: Any) -> NextTask:
    """The cancel of a swipe's job."""
    return a_next(
        Phase.CANCEL,
        at=at,
        step_id="swipe",
        action="swipe_with_spectre",
        **{"payload": Payload(job_id="job-1", key="key-1", reason=reason), **fields},
    )


def _bound(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value
