"""The local stack starts, works, ends with all its processes, and resumes where it was."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time

import httpx

from tests.e2e.conftest import StartStack
from tests.e2e.local_stack import ROOT, LocalStack, alive, wait_until

KEYS = {
    "apiUrl",
    "token",
    "databaseUrl",
    "awsEndpointUrl",
    "queueUrl",
    "lockTable",
    "actionsUrl",
    "speed",
    "pid",
}


def test_a_workflow_runs_to_its_end(stack: LocalStack) -> None:
    """A workflow passes every step of its definition, with each effect once."""
    instance_id = stack.start_workflow("through-1", "test")
    assert stack.wait_over(instance_id, 60)["status"] == "completed"
    assert [entry["stepId"] for entry in stack.history(instance_id)] == [
        "wait",
        "add_prompt",
        "test_swipe",
        "add_bio",
    ]
    ledger = stack.ledger("through-1")
    assert [job["operation"] for job in ledger["jobs"]] == [
        "updatePrompt",
        "startSwipeTask",
        "updateBio",
    ]
    assert ledger["overlaps"] == []


def test_stack_json_tells_where_everything_is(stack: LocalStack) -> None:
    """stack.json has exactly the documented keys, is private, and each address responds."""
    assert set(stack.facts) == KEYS
    assert stat.S_IMODE((stack.data_dir / "stack.json").stat().st_mode) == 0o600
    assert stack.facts["pid"] == stack.process.pid
    assert httpx.get(f"{stack.facts['apiUrl']}/health", trust_env=False).json() == {"status": "ok"}
    assert {item["type"] for item in stack.api.get("/v1/definitions").json()["items"]} >= {
        "default",
        "test",
        "aggressive",
    }


def test_no_token_no_entry(stack: LocalStack) -> None:
    """The gateway refuses a request without a valid token."""
    for header in (
        {},
        {"authorization": "Bearer nonsense"},
        {"authorization": f"Bearer {stack.facts['token'][:-4]}AAAA"},
    ):
        answer = httpx.get(f"{stack.facts['apiUrl']}/v1/workflows", headers=header, trust_env=False)
        assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})


def test_a_lost_emulator_comes_back(stack: LocalStack) -> None:
    """A killed emulator is started again at the same address with its resources."""
    emulator = next(
        pid for pid, command in alive(stack.processes()).items() if "devstack.aws.server" in command
    )
    os.kill(emulator, signal.SIGKILL)
    wait_until(lambda: emulator not in alive({emulator}), 5, "the emulator's end")
    wait_until(lambda: stack.api.get("/v1/health").json().get("status") == "ok", 20, "health")
    assert stack.wait_over(stack.start_workflow("emulator-1", "test"), 60)["status"] == "completed"


def test_ticks_only_on_request(start_stack: StartStack) -> None:
    """With --no-tick no task beyond the horizon begins until a tick is requested."""
    stack = start_stack("--ephemeral", "--no-tick")
    instance_id = stack.start_workflow("tick-1", "default")  # it waits for longer than the horizon
    before = stack.workflow(instance_id)
    assert before["task"]["status"] == "pending"
    answer = stack.api.post("/dev/clock", json={"advance": "2h"})
    assert answer.status_code == 200, answer.text
    time.sleep(1)
    assert stack.workflow(instance_id)["task"]["status"] == "pending"
    assert stack.api.post("/dev/tick").status_code == 200
    stack.wait_for(
        instance_id, lambda workflow: workflow["currentStep"] > before["currentStep"], 15
    )
    assert stack.api.post("/dev/clock", json={"advance": "-2h"}).status_code == 422


def test_sigterm_leaves_nothing_behind(start_stack: StartStack) -> None:
    """After SIGTERM the stack ends within 10 seconds with all processes."""
    stack = start_stack("--speed", "300")
    stack.start_workflow("term-1", "test")
    family = stack.processes()
    assert len(family) > 5
    began = time.monotonic()
    assert stack.stop() == 0
    assert time.monotonic() - began < 10
    assert alive(family) == {}
    assert not (stack.data_dir / "stack.json").exists()


def test_sigkill_leaves_nothing_behind(start_stack: StartStack) -> None:
    """After SIGKILL all children end, and the next start on the same data resumes."""
    short = {
        "TASK_LEASE_SECONDS": "10",
        "LOCK_TIMEOUT_SECONDS": "10",
    }  # otherwise a queued task is sent again only after 90 s
    stack = start_stack("--speed", "300", env=short)
    instance_id = stack.start_workflow("kill-1", "test")
    family = stack.processes()
    stack.kill()
    wait_until(lambda: not alive(family), 10, f"the end of all children: {alive(family)}")
    again = start_stack("--speed", "300", env=short)
    assert again.wait_over(instance_id, 60)["status"] == "completed"
    ledger = again.ledger("kill-1")
    assert len({job["key"] for job in ledger["jobs"]}) == len(ledger["jobs"]) == 3
    assert ledger["overlaps"] == []


def test_one_stack_per_data_directory(start_stack: StartStack) -> None:
    """A second start on the same data is refused with the reason; the first goes on."""
    stack = start_stack("--ephemeral")
    second = subprocess.run(
        [sys.executable, "-m", "devstack.main", "--port", "0", "--data-dir", str(stack.data_dir)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'layers' / 'engine' / 'src'}"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 1
    assert "already running" in second.stderr
    assert stack.facts["apiUrl"] in second.stderr
    assert stack.api.get("/health").status_code == 200
