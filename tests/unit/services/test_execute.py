"""A successor runs only with time, with the lock, and with the fence that the commit assigned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Literal

import pytest

from flamebot.actions.registry import REGISTRY
from flamebot.domain.backoff import EnginePolicy
from flamebot.domain.begun import Begun
from flamebot.domain.committed import CommitItem, Committed
from flamebot.domain.errors import StoreUnavailable
from flamebot.domain.ids import AccountId, DefinitionId, InstanceId, TaskId
from flamebot.domain.plan_context import GIVE_UP_AFTER
from flamebot.domain.task import Payload, Phase, Task
from flamebot.domain.text_issue import TextIssueKind
from flamebot.ports.locks import LockAnswer, Verdict
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.schedule_time import ScheduleTime
from flamebot.services.stepping.account_lock import AccountLock
from flamebot.services.stepping.commit import Committer
from flamebot.services.stepping.execute import Executor
from flamebot.services.stepping.phases.register import RegisterAccount
from flamebot.services.stepping.phases.run import ExecutePhase
from flamebot.services.time_budget import TimeBudget
from tests.unit.services.stand_ins import (
    INSTANCE,
    CommitStore,
    HandClock,
    ListTelemetry,
    ScriptedLocks,
    ScriptedService,
    ScriptedWriter,
    begun,
    task,
)

MINUTE = timedelta(minutes=1)
DOCUMENT = {
    "id": 1,
    "type": "flow",
    "version": 1,
    "name": "flow",
    "description": "",
    "config": {},
    "steps": [{"id": "bio", "action": "add_bio"}],
}
NextStatus = Literal["running", "queued", "pending", "held"]


class Definitions:
    """One definition: the text of a bio is generated, then submitted."""

    def definition_document(self, definition_id: DefinitionId) -> dict[str, Any]:
        return DOCUMENT


class World:
    """A chain that begins with generating the text of a bio."""

    def __init__(
        self,
        *,
        then: NextStatus = "running",
        remaining: float = 60,
        locks: ScriptedLocks | None = None,
    ) -> None:
        self.committed: list[CommitItem] = []
        self.taken_before: list[int] = []
        self.then = then
        self.locks = locks or ScriptedLocks()
        self.service = ScriptedService(account_status="active", submit="j1")
        self.writer = ScriptedWriter("hello")
        self.telemetry = ListTelemetry()
        self.clock = HandClock()
        self.remaining = remaining

    def run(
        self,
        of: Task | None = None,
        rule: Callable[[Sequence[CommitItem]], list[Committed]] | None = None,
    ) -> None:
        """Run the first task and its successors."""
        store = CommitStore(rule or self._accept)
        budget = TimeBudget(lambda: self.remaining - self.clock.elapsed, timedelta(seconds=30))
        committer = Committer(store, self.clock, self.telemetry, budget=budget)
        phases = ExecutePhase(
            service=self.service,
            writer=self.writer,
            accounts=RegisterAccount(store, self.service, None),  # type: ignore[arg-type]  # the account is registered
            clock=self.clock,
            telemetry=self.telemetry,
        )
        policy = EnginePolicy(max_attempts=3, max_reclaims=5, retry_base=MINUTE, retry_cap=MINUTE)
        executor = Executor(
            store=store,  # type: ignore[arg-type]  # as much of it as is called
            phases=phases,
            catalog=DefinitionCatalog(Definitions(), REGISTRY, policy),
            clock=self.clock,
            time=ScheduleTime(self.clock),
            telemetry=self.telemetry,
            budget=budget,
            give_up_after=GIVE_UP_AFTER,
        )
        lock = AccountLock(
            self.locks,
            self.telemetry,
            account_id=AccountId("acc"),
            instance_id=InstanceId(INSTANCE),
            delivery_id="mine",
        )
        first = of or task(Phase.GENERATE, step_id="bio", action="add_bio")
        if first.phase.writes:
            lock.acquire(first.sequence, 7)
        self.lock_releasable = True
        running: Begun | None = begun(first)
        while running:
            planned = executor.execute_and_plan(running, lock, None)
            (committed,) = committer.commit([planned.item]).results
            self.lock_releasable &= planned.executed.ended and committed is not None
            running = executor.after_commit(planned, committed)

    def _accept(self, items: Sequence[CommitItem]) -> list[Committed]:
        (item,) = items
        self.committed.append(item)
        self.taken_before.append(len(self.locks.taken))
        follower = item.decision.next
        status = (self.then if follower.run else "queued") if follower else None
        sequence = int(item.task_id.rpartition(":")[2]) + 1
        return [
            Committed(
                task_id=item.task_id,
                accepted=True,
                instance_status="active",
                next_task_id=TaskId(f"{INSTANCE}:{sequence}"),
                next_status=status,
                next_fence=100 + sequence,
            )
        ]


def submit() -> Task:
    """Return a task that submits a bio."""
    return task(Phase.SUBMIT, step_id="bio", action="add_bio")


def test_a_text_is_stored_then_submitted_in_one_invocation() -> None:
    """The lock is acquired before the commit that creates the submit, which uses its own fence."""
    world = World()
    world.run()
    assert [(item.task_id, item.fence) for item in world.committed] == [
        (f"{INSTANCE}:3", 41),
        (f"{INSTANCE}:4", 104),
    ]
    assert [(h.delivery_id, h.sequence, h.fence) for h in world.locks.taken] == [("mine", 4, 0)]
    assert world.taken_before[0] == 1
    assert world.committed[0].decision.task is not None
    assert world.committed[0].decision.task.result == {"text": "hello", "tokens": 0}
    assert world.service.calls[-1][1][1:] == (
        world.committed[0].decision.next.payload.request,  # type: ignore[union-attr]  # a text is followed by its submit
        f"{INSTANCE}:4",
        104,
    )
    assert world.lock_releasable


def test_the_writer_is_given_the_issues_of_rejected_texts() -> None:
    """A step whose first text was rejected tells the writer why, and not what it was."""
    world = World()
    kinds = (TextIssueKind.LINK, TextIssueKind.PHONE)
    rejected = task(
        Phase.GENERATE, step_id="bio", action="add_bio", payload=Payload(text_issues=kinds)
    )
    world.run(rejected)
    assert [brief.issues for brief in world.writer.briefs] == [kinds]


@pytest.mark.parametrize("then", ["queued", "pending", "held"])
def test_a_successor_that_is_not_running_is_left(then: NextStatus) -> None:
    """After a pause all calls and commits have ended, so the lock that was acquired is released."""
    world = World(then=then)
    world.run()
    assert (len(world.committed), world.service.calls, world.lock_releasable) == (1, [], True)


def test_without_the_lock_the_successor_waits() -> None:
    """With another lock holder the successor is not created as running, and no write is made."""
    world = World(locks=ScriptedLocks(LockAnswer(verdict=Verdict.HELD)))
    world.run()
    assert [item.decision.next.run for item in world.committed if item.decision.next] == [False]
    assert world.service.calls == []


def test_without_time_the_successor_waits() -> None:
    """With less than a call and 15 seconds left, another invocation runs it.

    No lock is acquired.
    """
    world = World(remaining=44)
    world.run()
    assert [item.decision.next.run for item in world.committed if item.decision.next] == [False]
    assert world.locks.taken == []


def test_a_stale_commit_ends_the_chain() -> None:
    """Another invocation has the task; calls and commits have ended, so the lock is released."""
    world = World()
    world.run(submit(), rule=lambda _: [])
    assert world.telemetry.counts["StaleCommits"] == 1
    assert world.lock_releasable


def test_an_unknown_commit_leaves_the_lock_to_expire() -> None:
    """The commit may still arrive, so the lock is not released under it."""

    def down(_: Sequence[CommitItem]) -> list[Committed]:
        raise StoreUnavailable

    world = World()
    world.run(submit(), rule=down)
    assert not world.lock_releasable


def test_a_running_successor_of_another_invocation_is_left() -> None:
    """A commit whose decision did not ask to run the successor does not run it."""

    def taken(items: Sequence[CommitItem]) -> list[Committed]:
        return [
            Committed(
                task_id=items[0].task_id,
                accepted=True,
                instance_status="active",
                next_task_id=TaskId("t"),
                next_status="running",
                next_fence=9,
            )
        ]

    world = World()
    world.run(submit(), rule=taken)
    assert world.service.names() == ["account_status", "submit"]
