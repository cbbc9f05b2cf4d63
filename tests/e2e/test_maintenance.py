"""Maintenance and limits work as an operator configures them."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.e2e.local_stack import Json, LocalStack, alive, wait_until
from tests.e2e.proof import aws, maintenance_passes, most_at_once, start_many

ENV = {
    "LOCK_BACKEND": "postgres",
    "LOCK_TIMEOUT_SECONDS": "6",
    "TASK_LEASE_SECONDS": "6",
    "MAX_CONCURRENT_TASKS": "4",
    "HEALTH_CHECK_MINUTES": "10",
}
PERIOD = 600  # seconds of schedule time
SPEED = 120
BIO = {"id": "bio", "action": "add_bio", "bio": "Fond of long walks.", "timeout": "300d"}
LOCKS = """
    select lock_key, extract(epoch from expires_at - acquired_at)::int as seconds
      from workflow_locks order by lock_key"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """Start a stack that ticks on request, so that nothing moves while its clock does."""
    running = LocalStack(
        tmp_path_factory.mktemp("maintenance"),
        "--ephemeral",
        "--no-tick",
        "--speed",
        str(SPEED),
        env=ENV,
    )
    running.publish("quick", [BIO])
    running.publish("patient", [{"id": "wait", "action": "wait", "delay": "90d"}, BIO])
    running.publish("tomorrow", [{"id": "wait", "action": "wait", "delay": "1d"}, BIO])
    tick(running)
    yield running
    running.end()


def tick(stack: LocalStack) -> Json:
    """Run one tick; return its report."""
    done: Json = stack.api.post("/dev/tick").raise_for_status().json()
    return done


def wait_over(stack: LocalStack, workflow: str) -> Json:
    """Tick until a workflow has ended."""

    def look() -> Json | None:
        tick(stack)
        document = stack.workflow(workflow)
        return document if document["finishedAt"] else None

    over: Json = wait_until(look, 60, f"the end of {workflow}")
    return over


def health(stack: LocalStack) -> tuple[str, list[str]]:
    """Return the health and the failing checks."""
    document = stack.api.get("/v1/health").raise_for_status().json()
    return document["status"], [check["name"] for check in document["checks"] if not check["ok"]]


def advance(stack: LocalStack, by: str) -> Json:
    """Move the clock; return the findings of the next maintenance pass that begins afterwards."""
    before = len(maintenance_passes(stack))
    stack.clock(by)
    stack.clock("10m")  # a pass that is running now does not count
    wait_until(
        lambda: len(maintenance_passes(stack)) >= before + 2, 30, "a whole pass of maintenance"
    )
    return maintenance_passes(stack)[-1]


def test_locks_in_postgres(own: LocalStack) -> None:
    """With LOCK_BACKEND=postgres a workflow ends under Postgres locks of the set length."""
    with own.behaviour(latency=1.0):
        workflow = own.start_workflow("postgres-1", "quick")
        held = wait_until(lambda: own.rows(LOCKS), 20, "the lock")
        assert held == [{"lock_key": "account:postgres-1", "seconds": 6}]
        assert aws(own, "dynamodb").scan(TableName=own.facts["lockTable"])["Items"] == []
    assert wait_over(own, workflow)["status"] == "completed"
    wait_until(lambda: not own.rows(LOCKS), 10, "the lock's release")


def test_a_lock_whose_holder_died(own: LocalStack) -> None:
    """After the step function dies during a write, its lock expires and the work goes on."""
    with own.behaviour(latency=2.0):
        workflow = own.start_workflow("orphan-1", "quick")
        wait_until(lambda: own.rows(LOCKS), 20, "the lock")
        for pid, command in alive(own.processes()).items():
            if "functions/step" in command:
                os.kill(pid, signal.SIGKILL)
    own.rows("select acquire_workflow_lock('acct-lock', 'a-long-holder', 300)")
    wait_until(
        lambda: [row["lock_key"] for row in own.rows(LOCKS)] == ["acct-lock"],
        40,
        "the removal of the expired lock",
    )
    wait_until(
        lambda: any(found.get("locks") for found in maintenance_passes(own)),
        10,
        "the pass that says so",
    )
    assert own.rows("select has_workflow_lock('acct-lock') as held") == [{"held": True}]
    assert own.rows("select release_workflow_lock('acct-lock', 'a-long-holder') as released") == [
        {"released": True}
    ]
    assert wait_over(own, workflow)["status"] == "completed"
    assert [job["operation"] for job in own.ledger("orphan-1")["jobs"]] == ["updateBio"]


def test_fewer_effects_at_once(own: LocalStack) -> None:
    """With MAX_CONCURRENT_TASKS=4 the service never has more than four writes at once."""
    with own.behaviour(latency=0.3):
        workflows = start_many(own, [f"few-{n}" for n in range(24)], "quick")
        for workflow in workflows.values():
            assert wait_over(own, workflow)["status"] == "completed"
    writes = [
        write
        for write in own.actions.get("/_sim/ledger").json()["writes"]
        if write["account"] in workflows
    ]
    assert 3 <= most_at_once(writes) <= 4


def test_the_period_of_the_health_check(own: LocalStack) -> None:
    """With HEALTH_CHECK_MINUTES=10 ten minutes of schedule time lie between two passes."""
    begin = len(maintenance_passes(own))
    wait_until(lambda: len(maintenance_passes(own)) >= begin + 3, 60, "three passes")
    at = [
        datetime.fromisoformat(found["timestamp"]).timestamp()
        for found in maintenance_passes(own)[begin:]
    ]
    assert all(
        PERIOD * 0.8 <= (later - earlier) * SPEED <= PERIOD * 2
        for earlier, later in itertools.pairwise(at)
    )


def test_unhealthy_and_back(own: LocalStack) -> None:
    """An overdue task fails the health check until it has begun."""
    workflow = own.start_workflow("late-1", "tomorrow")
    tick(own)
    assert health(own) == ("ok", [])
    found = advance(own, "2d")
    assert found["health"] == "degraded"
    assert "oldest_due" in found["reasons"][0]
    assert health(own) == ("degraded", ["oldest_due"])
    assert wait_over(own, workflow)["status"] == "completed"
    assert health(own) == ("ok", [])
    assert advance(own, "0s")["health"] == "ok"


def test_finished_tasks_go_after_seven_days(own: LocalStack) -> None:
    """Eight days on, finished tasks are deleted.

    Live tasks, retryable ones, instances and histories stay.
    """
    own.fault(kind="refuse", account="failing-1", operation="updateBio")
    finished, failing = (
        own.start_workflow("old-1", "quick"),
        own.start_workflow("failing-1", "quick"),
    )
    waiting, paused = (
        own.start_workflow("waiting-1", "patient"),
        own.start_workflow("paused-1", "patient"),
    )
    own.command(paused, "pause")
    assert wait_over(own, finished)["status"] == "completed"
    assert wait_over(own, failing)["status"] == "failed"

    def tasks(workflow: str) -> list[Json]:
        return own.rows(
            "select * from scheduled_tasks where workflow_instance_id = %s order by sequence",
            workflow,
        )

    everything = (finished, failing, waiting, paused)
    instances = own.rows("select * from workflow_instances order by id")
    history = {workflow: own.history(workflow) for workflow in everything}
    before = {workflow: tasks(workflow) for workflow in everything}
    assert len(before[finished]) >= 2
    advance(own, "6d")
    assert {workflow: tasks(workflow) for workflow in everything} == before, (
        "six days are not seven"
    )
    advance(own, "2d")
    assert tasks(finished) == []
    assert tasks(failing) == before[failing][-1:], "the last one, which retry takes up"
    assert tasks(waiting) == before[waiting]
    assert tasks(paused) == before[paused]
    assert own.rows("select * from workflow_instances order by id") == instances
    assert {workflow: own.history(workflow) for workflow in everything} == history
    assert [entry["status"] for entry in history[finished]] == ["completed"]
    fresh = own.start_workflow("fresh-1", "quick")
    assert wait_over(own, fresh)["status"] == "completed"
    advance(own, "0s")
    assert tasks(fresh) != []
    own.command(failing, "retry")
    assert wait_over(own, failing)["status"] == "completed"
