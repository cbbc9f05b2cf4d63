"""The drill of docs/how-to/live-through-an-outage.md: nothing fails, and operators see why."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.local_stack import ROOT, LocalStack, wait_until

ACCOUNTS = 30
SPEED = 60  # a minute of schedule time is a second


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[LocalStack]:
    """A stack of its own: its services fail for all workflows."""
    tmp_path.chmod(0o711)
    stack = LocalStack(tmp_path / "stack", "--speed", str(SPEED))
    yield stack
    stack.end()


def flamebot(stack: LocalStack, *arguments: str) -> tuple[int, str]:
    """Run the command line against the stack, and return its exit status and output."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers" / "engine" / "src")]),
        "FLAMEBOT_API_URL": stack.facts["apiUrl"],
        "FLAMEBOT_TOKEN": stack.facts["token"],
    }
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


def state(stack: LocalStack) -> dict[str, Any]:
    """Return the actions service as the API shows it."""
    found: dict[str, Any] = stack.api.get("/v1/services").raise_for_status().json()["items"][0]
    return found


def test_an_outage_makes_workflows_late_and_fails_none(own_stack: LocalStack) -> None:
    """Half an hour down: the service is named, one task is tried at a time, all complete."""
    stack = own_stack
    steps: list[dict[str, Any]] = [
        {"id": "rest", "action": "wait", "delay": "2m"},
        {"id": "swipe", "action": "swipe_with_spectre", "swipeCount": 5, "timeout": "10m"},
    ]
    stack.publish("drill", steps)
    rows = [{"accountId": f"drill-{n}", "modelId": "m", "channelId": "c"} for n in range(ACCOUNTS)]
    body = {"accounts": rows, "startAutomation": True, "workflowType": "drill"}
    results = stack.api.post("/v1/accounts/import", json=body).raise_for_status().json()["results"]
    assert flamebot(stack, "status", "--check")[0] == 0
    with stack.behaviour(down=True):
        wait_until(lambda: state(stack)["state"] == "open", 60, "the breaker is open")
        wait_until(lambda: state(stack)["heldBack"] > ACCOUNTS // 2, 60, "its tasks wait")
        code, status = flamebot(stack, "status", "--check")
        assert code == 7
        assert "actions_service" in status
        assert "It does not respond. Nothing is to be done here" in status
        assert "MAX_CONCURRENT_TASKS" not in status
        _, listed = flamebot(stack, "services", "list")
        assert "unanswered; next probe" in listed
        deferred = wait_until(
            lambda: [
                workflow
                for result in results
                if (workflow := stack.workflow(result["workflow"]["instanceId"]))["task"]
                and workflow["task"]["deferrals"]
            ],
            60,
            "a task says that it was deferred",
        )
        assert deferred[0]["task"]["error"].startswith("outcome_unknown")
        _, shown = flamebot(stack, "show", deferred[0]["accountId"])
        assert "waits because" in shown
        assert "held back" in shown
        before = stack.rows("select sum(unknown) as calls from service_calls")[0]["calls"]
        wait_until(
            lambda: (
                stack.rows("select sum(unknown) as calls from service_calls")[0]["calls"]
                >= before + 20
            ),
            60,
            "twenty probes",
        )
    for result in results:
        stack.wait_over(result["workflow"]["instanceId"], 120)
    ended = stack.rows("select status, count(*) as total from workflow_instances group by status")
    assert [dict(row) for row in ended] == [{"status": "completed", "total": ACCOUNTS}]
    assert stack.rows("select 1 from step_history where status in ('retried', 'failed')") == []
    sums = stack.rows("select deferrals from step_history where deferrals is not null")
    assert sums
    assert all(row["deferrals"]["times"] >= 1 for row in sums)
    wait_until(lambda: state(stack)["state"] == "closed", 60, "the breaker is closed")
    (opening, *_) = state(stack)["openings"]
    assert (opening["reason"], opening["openedBy"]) == ("unanswered", None)
    assert flamebot(stack, "status", "--check")[0] == 0
