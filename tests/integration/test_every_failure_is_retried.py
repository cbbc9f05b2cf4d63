"""Whatever made a workflow fail, `retry` goes on with it: planner and SQL functions together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from flamebot.actions.registry import REGISTRY
from flamebot.adapters.postgres.rows import begun_of
from flamebot.domain.begun import Begun
from flamebot.domain.definition import Definition
from flamebot.domain.document import bind_definition
from flamebot.domain.ids import AccountId, DefinitionId
from flamebot.domain.instance import AccountData
from flamebot.domain.outcome import Abort, Continue, Defer, Done, Fail, LeaseExpired, Outcome, Retry
from flamebot.domain.plan import plan, plan_retry
from flamebot.domain.task import Phase
from flamebot.domain.task_random import TaskRandom
from flamebot.services.workflows.start import start_row
from tests.support.builders import (
    NOON,
    a_definition,
    an_account,
    begin,
    claim,
    commit,
    instance,
    live_tasks,
    pause,
    pause_all,
    reclaim,
    resume,
    resume_all,
    start_rows,
    stop,
)
from tests.support.databases import Row, TestDatabase
from tests.support.stores import ALICE, control, forced, last_task, maintenance
from tests.unit.domain.builders import POLICY, a_goto, a_prompt, a_swipe, a_wait

FEW = replace(POLICY, max_reclaims=2)
STEPS: list[Mapping[str, Any]] = [
    a_wait("rest", "10s"),
    a_prompt(),
    a_swipe(timeout="1h", maxAttempts=2),
    {**a_goto("rest", "again", maxIterations=1), "onLimit": "fail"},
]
DONE: dict[Phase, Outcome] = {
    Phase.TIMER: Done(),
    Phase.GENERATE: Done(result={"text": "A walk and a book.", "tokens": 3}),
    Phase.SUBMIT: Done(result={"job_id": "j"}),
    Phase.POLL: Done(result={"performed": 5}),
    Phase.CANCEL: Done(result={"job_status": "cancelled"}),
}
LATE = timedelta(hours=3)


@dataclass
class Life:
    """A workflow whose outcomes a test chooses. Planner, rows and SQL functions are the real."""

    database: TestDatabase
    definition: Definition
    instance_id: str
    now: datetime = NOON

    @property
    def status(self) -> str:
        """Return the status of the instance."""
        return str(instance(self.database, self.instance_id)["status"])

    def waiting(self) -> Row:
        """Return the task that is to run, claimed at the time at which it is due."""
        if self.status == "paused":
            resume(self.database, self.instance_id, now=self.now)
        resume_all(self.database, now=self.now)
        task = last_task(self.database, self.instance_id)
        self.now = max(self.now, task["scheduled_for"])
        claim(self.database, 1000, now=self.now)
        return last_task(self.database, self.instance_id)

    def begun(self) -> Begun:
        """Begin the task that is to run, unless the commit before has begun it."""
        task = self.waiting()
        if task["status"] == "running":  # a chain: for the test its delivery has died
            return self.lost(str(task["task_id"]))
        (row,) = begin(self.database, task["task_id"], now=self.now)
        return begun_of(row)

    def lost(self, task_id: str) -> Begun:
        """Let the lease of a task expire, and reclaim the task."""
        forced(self.database, task_id, lease_expires_at=datetime.fromisoformat("2020-01-01T00:00Z"))
        (row,) = [r for r in reclaim(self.database, now=self.now) if r["task_id"] == task_id]
        return begun_of(row)

    def end(self, begun: Begun, outcome: Outcome) -> None:
        """Plan an outcome and commit what is decided."""
        task = begun.task
        decision = plan(
            self.definition,
            begun.instance,
            task,
            outcome,
            self.now,
            TaskRandom(task.task_id),
            global_paused_ms=begun.global_paused_ms,
        )
        if decision.next is not None:  # each task comes by message, so that it can be lost
            decision = replace(decision, next=replace(decision.next, run=False))
        assert commit(self.database, (task.task_id, task.fence, decision), now=self.now)

    def undeliverable(self) -> None:
        """Send the waiting task's message twenty times in vain."""
        task_id = str(self.waiting()["task_id"])
        forced(self.database, task_id, sends=20)
        self.end(self.lost(task_id), LeaseExpired(error="undeliverable"))

    def retry(self) -> None:
        """Retry the failed workflow as the service does."""
        store = control(self.database, self.now)
        found = store.instance_snapshot(self.instance_id)
        decision = plan_retry(
            self.definition, found.instance, found.task, self.now, TaskRandom(str(uuid4()))
        )
        store.retry_workflow(self.instance_id, found.instance.revision, decision, ALICE)


def begin_life(database: TestDatabase) -> Life:
    """Start a workflow of a new account."""
    row = database.one(
        "select * from workflow_definitions where id = %s",
        (a_definition(database, "fragile", steps=STEPS),),
    )
    definition = bind_definition(row, REGISTRY, FEW, DefinitionId(row["id"]))
    account = AccountData(
        account_id=AccountId(an_account(database)), model_id="model-1", channel_id="channel-1"
    )
    started = start_row(definition, account, NOON)
    start_rows(database, [started])
    return Life(database, definition, started.instance_id)


def ways(phase: Phase) -> st.SearchStrategy[Outcome | str]:
    """Return a strategy for what may happen to a task: an outcome, or the loss of its worker."""
    anything: list[st.SearchStrategy[Outcome | str]] = [
        st.just(DONE[phase]),
        st.sampled_from(["killed", "undeliverable"]),
        st.just(Defer(after=timedelta(seconds=30), reason="throttled")),
    ]
    if phase in (Phase.POLL, Phase.CANCEL):
        anything.append(st.just(Continue()))
    if phase is not Phase.TIMER:
        anything += [
            st.builds(
                Retry, error=st.just("e: x"), unknown=st.booleans(), new_key=st.just(value=False)
            ),
            st.builds(Fail, error=st.just("refused: x"), unknown=st.booleans()),
            st.just(Abort(error="account_suspended: x")),
        ]
    if phase is Phase.POLL:
        anything.append(st.just(Retry(error="job_failed: x", new_key=True)))
    return st.one_of(anything)


def go_wrong(data: st.DataObject, life: Life) -> None:
    """Run a workflow until it ends, with outcomes and operators' acts in between."""
    for _ in range(40):
        if life.status not in ("active", "paused", "stopping"):
            return
        begun = life.begun()
        way = data.draw(ways(begun.task.phase), label=begun.task.phase)
        match data.draw(st.sampled_from(["nothing"] * 5 + ["pause", "pause all", "stop", "late"])):
            case "pause" if life.status == "active":
                pause(life.database, life.instance_id, now=life.now)
            case "pause all":
                pause_all(life.database, now=life.now)
            case "stop" if life.status == "active":
                stop(life.database, life.instance_id, now=life.now)
            case "late":
                life.now += LATE
        if way in ("killed", "undeliverable"):
            lost = life.lost(begun.task.task_id)
            life.end(lost, LeaseExpired(error="lease_expired"))
            if way == "undeliverable" and life.status == "active":
                life.undeliverable()
        else:
            assert not isinstance(way, str)
            life.end(begun, way)


@pytest.mark.slow
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_every_failure_can_be_retried(database: TestDatabase, data: st.DataObject) -> None:
    """I2: a failed workflow is active after a retry, with one live task, which can be run.

    Neither a lost worker, a stop or pause on the way, an unknown outcome, a cancellation that was
    not confirmed, nor the retention of finished tasks makes one that cannot be retried. One that
    was stopped has no live task, and its account can be started again.
    """
    life = begin_life(database)
    for _ in range(3):
        go_wrong(data, life)
        if life.status != "failed":
            assert live_tasks(database, life.instance_id) == []
            break
        event(str(instance(database, life.instance_id)["last_error"]).partition(":")[0])
        if data.draw(st.booleans(), label="a month later"):
            life.now += timedelta(days=30)
            maintenance(database, life.now).delete_finished_tasks(timedelta(days=7), 1000)
        if data.draw(st.booleans(), label="retried under the global pause"):
            pause_all(database, now=life.now)
        before = instance(database, life.instance_id)["current_step"]
        life.retry()
        row = instance(database, life.instance_id)
        assert (row["status"], row["last_error"], row["current_step"]) == ("active", None, before)
        assert len(live_tasks(database, life.instance_id)) == 1
        begun = life.begun()
        assert begun.task.reclaims == 0
        life.end(begun, DONE[begun.task.phase])
