"""Pause, resume, stop and the global pause work as an operator uses them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from tests.e2e.conftest import StartStack
from tests.e2e.local_stack import Json, LocalStack, wait_until

SWIPE: Json = {"id": "swipe", "action": "swipe_with_spectre", "swipeCount": 5, "timeout": "30d"}
BIO: Json = {"id": "bio", "action": "add_bio", "timeout": "30d"}
TIMEOUT = 60.0
CROWD = 100
LEASE = 90.0  # wall-clock seconds; no test here needs it to run out


@pytest.fixture(autouse=True)
def definitions(stack: LocalStack) -> None:
    """Return a long wait before an effect, a job of any length, and waits within twenty seconds."""
    publish(stack)


def publish(stack: LocalStack) -> None:
    """Publish the definitions of this file."""
    stack.publish(
        "rests", [{"id": "rest", "action": "wait", "delay": "30d"}, {**SWIPE, "swipeCount": 1}]
    )
    stack.publish("works", [SWIPE, {**BIO, "delay": "1m"}])
    stack.publish(
        "crowd",
        [
            {"id": "rest", "action": "wait", "delay": {"min": "0s", "max": "40m"}},
            {**SWIPE, "swipeCount": 1},
        ],
    )


@pytest.fixture
def long_jobs(stack: LocalStack) -> Iterator[None]:
    """Let jobs run for the length of a test."""
    with stack.behaviour(swipe_seconds=10_000_000.0):
        yield


def moment(text: str) -> datetime:
    """Parse a time as the API writes it."""
    return datetime.fromisoformat(text)


def job_status(stack: LocalStack, account: str) -> str:
    """Return the state of the account's only job."""
    (job,) = stack.ledger(account)["jobs"]
    return str(job["status"])


def start_job(stack: LocalStack, account: str) -> str:
    """Start a workflow and wait until its job is running."""
    instance_id = stack.start_workflow(account, "works")
    stack.wait_for(
        instance_id, lambda workflow: (workflow["task"] or {}).get("phase") == "poll", TIMEOUT
    )
    return instance_id


def test_a_paused_wait_keeps_what_remains(stack: LocalStack) -> None:
    """A workflow that is paused for longer than its wait does nothing.

    After the resume it waits for the remainder.
    """
    instance_id = stack.start_workflow("pause-freeze", "rests")
    due = moment(stack.workflow(instance_id)["nextActionAt"])
    stack.clock("10d")
    paused = stack.command(instance_id, "pause", reason="a look at the account")
    assert (paused["status"], paused["nextActionAt"], paused["effectInFlight"]) == (
        "paused",
        None,
        False,
    )
    stack.clock("40d")
    time.sleep(1.5)  # ticks come four times a second
    assert (stack.workflow(instance_id)["status"], stack.ledger("pause-freeze")["writes"]) == (
        "paused",
        [],
    )
    resumed = stack.command(instance_id, "resume")
    assert moment(resumed["nextActionAt"]) - moment(resumed["updatedAt"]) == due - moment(
        paused["pausedAt"]
    )
    assert timedelta(days=19) < due - moment(paused["pausedAt"]) <= timedelta(days=20)
    stack.clock("19d")
    time.sleep(1.5)
    assert stack.ledger("pause-freeze")["writes"] == []
    stack.clock("1d")
    assert stack.wait_over(instance_id, TIMEOUT)["status"] == "completed"
    (write,) = (write for write in stack.ledger("pause-freeze")["jobs"])
    assert write["startedAt"] >= moment(resumed["nextActionAt"]).timestamp()


@pytest.mark.parametrize(
    ("away", "over"), [("10d", False), ("40d", True)], ids=["before its time", "after its time"]
)
def test_a_wait_may_run_on(stack: LocalStack, away: str, over: bool) -> None:
    """After a resume with run_on a workflow is due at its old time, or now if it has passed."""
    account = f"pause-run-on-{away}"
    instance_id = stack.start_workflow(account, "rests")
    due = stack.workflow(instance_id)["nextActionAt"]
    stack.command(instance_id, "pause")
    stack.clock(away)
    assert stack.command(instance_id, "resume", clock="run_on")["nextActionAt"] == due
    if not over:
        time.sleep(1.5)
        assert stack.ledger(account)["writes"] == []
        stack.clock("20d")
    assert stack.wait_over(instance_id, TIMEOUT)["status"] == "completed"


@pytest.mark.usefixtures("long_jobs")
def test_stop_while_a_job_runs(stack: LocalStack) -> None:
    """A stop cancels the job at the service, the workflow ends stopped, and nothing more starts."""
    instance_id = start_job(stack, "stop-job")
    answer = stack.command(instance_id, "stop", reason="enough")
    assert answer["status"] == "stopping"
    stopped = stack.wait_over(instance_id, TIMEOUT)
    assert (stopped["status"], stopped["lastError"], stopped["task"]) == ("stopped", None, None)
    assert job_status(stack, "stop-job") == "cancelled"
    stack.clock("2d")
    time.sleep(1.5)
    assert [job["operation"] for job in stack.ledger("stop-job")["jobs"]] == ["startSwipeTask"]
    assert stack.command(instance_id, "stop")["status"] == "stopped"


@pytest.mark.slow
def test_stop_and_die(start_stack: StartStack) -> None:
    """After a stop and a SIGKILL, the next start cancels the running or unanswered job."""
    options, env = (
        ("--speed", "120"),
        {"TASK_LEASE_SECONDS": "10", "LOCK_TIMEOUT_SECONDS": "10", "CALL_TIMEOUT_SECONDS": "8"},
    )
    stack = start_stack(*options, env=env)
    publish(stack)
    stack.actions.post("/_sim/settings", json={"swipe_seconds": 10_000_000.0}).raise_for_status()
    stack.fault(kind="slow", operation="startSwipeTask", account="die-unanswered", seconds=7)
    workflows = {"die-at-work": start_job(stack, "die-at-work")}
    workflows["die-unanswered"] = stack.start_workflow("die-unanswered", "works")
    wait_until(
        lambda: stack.ledger("die-unanswered")["jobs"],
        TIMEOUT,
        "the job whose start is not answered yet",
    )
    stack.actions.post(
        "/_sim/settings", json={"latency": 2.0}
    ).raise_for_status()  # otherwise a cancel could finish before the kill
    answers = [stack.command(instance_id, "stop")["status"] for instance_id in workflows.values()]
    stack.kill()
    killed_at = time.time()
    assert answers == ["stopping", "stopping"]

    again = start_stack(*options, env=env)
    again.actions.post("/_sim/settings", json={"latency": 0.0}).raise_for_status()
    for account, instance_id in workflows.items():
        stopped = again.wait_over(instance_id, TIMEOUT)
        assert (stopped["status"], stopped["lastError"]) == ("stopped", None)
        assert job_status(again, account) == "cancelled"
        (cancel,) = (
            write for write in again.ledger(account)["writes"] if write["operation"] == "cancelTask"
        )
        assert cancel["startedAt"] > killed_at
    again.clock("2d")
    time.sleep(1.5)
    assert {
        job["operation"]
        for job in again.ledger("die-at-work")["jobs"] + again.ledger("die-unanswered")["jobs"]
    } == {"startSwipeTask"}


def begun_tasks(stack: LocalStack, accounts: str) -> Json:
    """Return the counts of begun and waiting tasks, the last begin, and the counts of the tick."""
    (counts,) = stack.rows(
        "select count(started_at) as begun, max(started_at) as latest,"
        " coalesce(max(reclaims), 0) as reclaims, coalesce(max(sends), 0) as sends,"
        " count(*) filter (where status in ('pending', 'queued') and scheduled_for < %s) as due,"
        " count(*) filter (where status = 'running') as running"
        " from scheduled_tasks where account_id like %s",
        stack.clock(),
        accounts,
    )
    return counts


def start_crowd(stack: LocalStack) -> list[str]:
    """Start many workflows that fall due one after the other within twenty wall-clock seconds."""
    rows = [
        {"accountId": f"crowd-{os.getpid()}-{n}", "modelId": "m", "channelId": "c"}
        for n in range(CROWD)
    ]
    answer = stack.api.post(
        "/v1/accounts/import",
        json={"accounts": rows, "startAutomation": True, "workflowType": "crowd"},
    )
    assert answer.json()["started"] == CROWD
    return [result["workflow"]["instanceId"] for result in answer.json()["results"]]


def test_the_global_pause(stack: LocalStack) -> None:
    """After the global pause returns nothing begins; resumed, all tasks begin at once."""
    workflows = start_crowd(stack)
    wait_until(
        lambda: begun_tasks(stack, "crowd-%")["begun"] > CROWD / 10,
        TIMEOUT,
        "the first of the crowd",
    )
    assert stack.api.post(
        "/v1/control/pause-all", json={"reason": "the provider requested it"}
    ).json()["paused"]
    try:
        replied = stack.clock()
        wait_until(
            lambda: begun_tasks(stack, "crowd-%")["running"] == 0,
            TIMEOUT,
            "the end of what had begun",
        )
        before = begun_tasks(stack, "crowd-%")
        written = len(stack.ledger()["writes"])
        stack.clock("40m")
        time.sleep(3)
        after = begun_tasks(stack, "crowd-%")
        assert after["due"] > CROWD / 3
        assert (after["begun"], after["running"], after["latest"]) == (
            before["begun"],
            0,
            before["latest"],
        )
        assert after["latest"] <= replied
        assert len(stack.ledger()["writes"]) == written
    finally:
        assert not stack.api.post("/v1/control/resume-all").json()["paused"]
    wait_until(
        lambda: (
            {stack.workflow(instance_id)["status"] for instance_id in workflows} == {"completed"}
        ),
        LEASE / 2,
        "all go on",
    )
    assert begun_tasks(stack, "crowd-%")["reclaims"] == 0
    assert (
        stack.rows(
            "select count(*) as jobs from scheduled_tasks"
            " where account_id like 'crowd-%%' and phase = 'submit'"
        )[0]["jobs"]
        == CROWD
    )


@pytest.mark.usefixtures("long_jobs")
def test_a_cancel_does_not_wait_for_the_end_of_the_global_pause(stack: LocalStack) -> None:
    """A stop during the global pause cancels the job nevertheless."""
    instance_id = start_job(stack, "stop-while-paused")
    stack.api.post("/v1/control/pause-all").raise_for_status()
    try:
        stack.command(instance_id, "stop")
        assert stack.wait_over(instance_id, TIMEOUT)["status"] == "stopped"
        assert job_status(stack, "stop-while-paused") == "cancelled"
    finally:
        stack.api.post("/v1/control/resume-all").raise_for_status()
