"""The engine store: each SQL function as Python calls it, values in and values out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from uuid import uuid4

import pytest

from flamebot.adapters.postgres.engine_store import PostgresEngineStore
from flamebot.domain.begun import Begun, Early
from flamebot.domain.committed import CommitItem, Committed
from flamebot.domain.decision import Decision, InstanceWrite, TaskWrite
from flamebot.domain.errors import StoreUnavailable
from flamebot.domain.ids import AccountId, TaskId
from flamebot.domain.instance import AccountData, InstanceStatus
from flamebot.domain.message import TaskPointer
from flamebot.domain.task import EffectRequest, Payload, Phase
from flamebot.domain.text_issue import TextIssueKind
from flamebot.ports.engine_store import EngineStore
from tests.support.builders import (
    NOON,
    Started,
    a_cancel,
    a_decision,
    a_next,
    a_poll,
    a_running_task,
    a_submit,
    after,
    an_account,
    an_instance,
    task,
)
from tests.support.databases import TestDatabase
from tests.support.stores import begun_of


class Advancing(Protocol):
    """A schedule clock that a test moves forward."""

    def advance(self, **span: float) -> None:
        """Move schedule time forward by a duration."""


def pointer(database: TestDatabase, started: Started, phase: Phase = Phase.TIMER) -> TaskPointer:
    """Return the message's pointer to an instance's first task."""
    return TaskPointer(
        task_id=TaskId(started.task_id),
        fence=task(database, started.task_id)["fence"],
        account_id=AccountId(started.account_id),
        phase=phase,
        due=NOON,
    )


def test_store_keeps_the_port(store: PostgresEngineStore) -> None:
    """The adapter has every method of the port that the services use."""
    port: EngineStore = store  # the type checker compares every method
    assert port.claim_due_tasks(1) == []


def test_claimed_tasks_come_earliest_first(
    database: TestDatabase, store: PostgresEngineStore, clock: Advancing
) -> None:
    """Claimed tasks are pointers in UTC, in the order in which they fall due."""
    late, early = (
        an_instance(database, a_poll(at=after(minutes=11))),
        an_instance(database, a_next(at=after(minutes=10))),
    )
    clock.advance(minutes=10)
    claimed = store.claim_due_tasks(10)
    assert [(p.task_id, p.due, p.phase, p.alone) for p in claimed] == [
        (early.task_id, after(minutes=10), Phase.TIMER, False),
        (late.task_id, after(minutes=11), Phase.POLL, False),
    ]


def test_begun_task_is_whole(database: TestDatabase, store: PostgresEngineStore) -> None:
    """Task, instance and payload are returned with the values that were written."""
    payload = Payload(
        request=EffectRequest(
            method="POST",
            path="/accounts/{accountId}/swipe-tasks",
            body={"count": 5, "spectre": {}},
        ),
        text="hello",
        text_issues=(TextIssueKind.PHONE, TextIssueKind.LINK),
        started_at=after(seconds=-5),
        paused_ms=12,
        global_paused_ms=34,
    )
    account = an_account(
        database, config={"pace": 2}, credentials_version=100_001, registered_version=100_000
    )
    started = an_instance(database, a_submit(payload=payload, attempts=2), account_id=account)
    (begun,) = begun_of(store, [pointer(database, started, Phase.SUBMIT)] * 2)
    assert (begun.now, begun.credentials_version, begun.registered_version) == (
        NOON,
        100_001,
        100_000,
    )
    assert (begun.task.payload, begun.task.attempts, begun.task.phase, begun.task.sequence) == (
        payload,
        2,
        Phase.SUBMIT,
        1,
    )
    assert begun.task.scheduled_for == NOON
    assert begun.task.first_begun_at is not None
    assert begun.instance.account == AccountData(
        account_id=AccountId(account),
        model_id="model-1",
        channel_id="channel-1",
        config={"pace": 2},
    )
    assert (begun.instance.instance_id, begun.instance.status, begun.instance.current_step) == (
        started.instance_id,
        InstanceStatus.ACTIVE,
        0,
    )


def test_early_task_is_only_named(database: TestDatabase, store: PostgresEngineStore) -> None:
    """A task that is not due is returned as its id and its due time only."""
    started = an_instance(database, a_next(at=after(seconds=1)))
    assert store.begin_tasks([pointer(database, started)], str(uuid4())) == [
        Early(task_id=TaskId(started.task_id), now=NOON)
    ]


def test_commit_answers_every_item_in_order(
    database: TestDatabase, store: PostgresEngineStore
) -> None:
    """Stale items are returned as not accepted; what is to be sent comes as a pointer."""
    started, other = an_instance(database), an_instance(database)
    (begun,) = begun_of(store, [pointer(database, started)])
    items = [
        CommitItem(task_id=TaskId(other.task_id), fence=1, decision=a_decision()),
        CommitItem(
            task_id=TaskId(started.task_id),
            fence=begun.task.fence,
            decision=a_decision(next_task=a_poll(at=after(seconds=2))),
        ),
    ]
    stale, committed = store.commit_tasks(items)
    assert (stale.task_id, stale.accepted, stale.send) == (other.task_id, False, None)
    assert (committed.accepted, committed.next_status, committed.instance_status) == (
        True,
        "queued",
        "active",
    )
    assert committed.send is not None
    assert (committed.send.due, committed.send.phase, committed.send.account_id) == (
        after(seconds=2),
        Phase.POLL,
        started.account_id,
    )


def test_what_jsonb_cannot_hold_is_replaced(
    database: TestDatabase, store: PostgresEngineStore
) -> None:
    """NUL, half a surrogate pair and NaN do not lose a result, which comes after the effect."""
    started = an_instance(database)
    (begun,) = begun_of(store, [pointer(database, started)])
    result: dict[str, object] = {
        "a\x00": "b\x00\ud800",
        "n": float("nan"),
        "list": [float("inf"), "\\u0000", "ok \U0001f525"],
    }
    decision = a_decision(task={"result": result, "error": "bad\x00 answer"})
    assert store.commit_tasks(
        [CommitItem(task_id=TaskId(started.task_id), fence=begun.task.fence, decision=decision)]
    )[0].accepted
    stored = task(database, started.task_id)
    assert stored["result"] == {
        "a\ufffd": "b\ufffd\ufffd",
        "n": None,
        "list": [None, "\\u0000", "ok \U0001f525"],
    }
    assert stored["error"] == "bad\ufffd answer"


def test_decision_that_would_strand_an_instance_is_refused(store: PostgresEngineStore) -> None:
    """I2: a decision that leaves a live instance without a task is refused before the call."""
    nothing = Decision(task=TaskWrite(to="completed"), instance=InstanceWrite(current_step=1))
    both = Decision(
        task=TaskWrite(to="completed"),
        instance=InstanceWrite(current_step=1, status="completed"),
        next=a_next(),
    )
    for decision in (nothing, both):
        with pytest.raises(ValueError, match="one live task"):
            store.commit_tasks([CommitItem(task_id=TaskId("x:1"), fence=1, decision=decision)])


def test_reclaimed_task_says_how_it_was_lost(
    database: TestDatabase, store: PostgresEngineStore
) -> None:
    """The task has the reason of its reclaim."""
    started = an_instance(database, a_cancel())
    store.begin_tasks([pointer(database, started)], str(uuid4()))
    database.rows(
        "update scheduled_tasks set lease_expires_at = clock_timestamp() - interval '1 s'"
    )
    (begun,) = store.reclaim_expired(10, str(uuid4()))
    assert (begun.task.reclaim_reason, begun.task.reclaims, begun.task.payload.job_id) == (
        "lease_expired",
        1,
        "job-1",
    )


def test_lost_tasks_come_back_as_the_same_pointers(
    database: TestDatabase, store: PostgresEngineStore
) -> None:
    """A message that is sent again has the same pointer."""
    sent = pointer(database, an_instance(database))
    database.rows(
        "update scheduled_tasks set lease_expires_at = clock_timestamp() - interval '1 s'"
    )
    assert store.resend_expired(10) == [sent]


def test_payload_of_newer_code_is_understood(
    database: TestDatabase, store: PostgresEngineStore
) -> None:
    """During a deployment unknown fields of a payload are ignored."""
    started = an_instance(database)
    database.rows(
        """update scheduled_tasks set payload = '{"text": "hello", "invented_later": {"x": 1},
        "text_issues": ["link", "invented_later"]}'"""
    )
    (begun,) = begun_of(store, [pointer(database, started)])
    assert begun.task.payload == Payload(text="hello", text_issues=(TextIssueKind.LINK,))


LOSES = """
create sequence losses;
create function lose() returns trigger language plpgsql as $$
begin
    if nextval('losses') = 1 then
        perform pg_terminate_backend(pg_backend_pid());
    end if;
    return null;
end $$;
create trigger lose after update on scheduled_tasks for each statement execute function lose();
"""


def test_only_what_may_be_called_twice_is(
    database: TestDatabase, store: PostgresEngineStore
) -> None:
    """When the connection breaks, begin and commit are called again, and no others (I3, I8)."""
    started, waiting = (
        an_instance(database),
        an_instance(database, a_next(at=after(hours=-1)), now=after(hours=-2)),
    )
    running = a_running_task(database)
    found = pointer(database, started)
    database.rows(
        "update scheduled_tasks set lease_expires_at = now() - interval '1 h' where task_id = %s",
        (running.task_id,),
    )
    database.rows(LOSES)

    def broken(call: Callable[[], object]) -> None:
        database.rows("select setval('losses', 1, false)")
        call()
        assert database.value("select last_value from losses") > 1, "the connection never broke"

    for operation in (
        store.claim_due_tasks,
        store.resend_expired,
        lambda limit: store.reclaim_expired(limit, str(uuid4())),
    ):
        database.rows("select setval('losses', 1, false)")
        with pytest.raises(StoreUnavailable):
            operation(10)
        assert database.value("select is_called from losses"), "the connection never broke"
    assert task(database, waiting.task_id)["status"] == "pending"
    begun: list[Begun] = []
    broken(lambda: begun.extend(begun_of(store, [found])))
    fence = begun[0].task.fence
    committed: list[Committed] = []
    broken(
        lambda: committed.extend(
            store.commit_tasks(
                [CommitItem(task_id=found.task_id, fence=fence, decision=a_decision())]
            )
        )
    )
    assert committed[0].accepted


def test_commit_reports_each_item_by_its_own_fence(
    database: TestDatabase, store: PostgresEngineStore
) -> None:
    """Of two items for one task, the stale one is not accepted with the other (I4)."""
    running = a_running_task(database)
    items = [
        CommitItem(task_id=TaskId(running.task_id), fence=fence, decision=a_decision())
        for fence in (running.fence, running.fence - 1)
    ]
    assert [answer.accepted for answer in store.commit_tasks(items)] == [True, False]
