"""Whatever is doubled, killed or lost: each workflow goes to its end, and each of its effects happens once."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.local_stack import LocalStack, alive, wait_until
from tests.e2e.proof import assert_each_effect_once, assert_invariants, aws, frozen, peek, start_many

SPEED = 20
# What was begun or sent is leased for a short time, else each loss would take a minute and a half to be noticed.
SHORT = {"TASK_LEASE_SECONDS": "10", "LOCK_TIMEOUT_SECONDS": "10", "CALL_TIMEOUT_SECONDS": "4"}
KILLS = 6
PATIENCE = 120.0  # what was sent in vain again and again is sent at growing intervals
BIO = {"id": "bio", "action": "add_bio", "bio": "Fond of long walks.", "timeout": "30d"}
SWIPE = {"id": "swipe", "action": "swipe_with_spectre", "swipeCount": {"min": 1, "max": 5}, "timeout": "30d"}
PROMPT = {"id": "prompt", "action": "add_prompt", "timeout": "30d"}


class Restarted:
    """A stack that may be replaced by a new one on the same data."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self.start()

    def start(self) -> None:
        """Start it."""
        self.now = LocalStack(self._data_dir, "--speed", str(SPEED), env=SHORT)

    def kill(self, *, every_process: bool) -> None:
        """SIGKILL: to the main process, whose children then end by themselves, or to all of them, the database too."""
        family = self.now.processes()
        if every_process:
            for pid in family - {self.now.process.pid}:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.now.kill()
        wait_until(lambda: not alive(family), 15, f"the end of all children: {alive(family)}")

    def count(self, what: str) -> int:
        """How many rows there are."""
        (row,) = self.now.rows(f"select count(*) from {what}")
        return int(row["count"])

    def wait_all_over(self) -> None:
        """Wait until no workflow is live."""
        try:
            wait_until(lambda: self.count("workflow_instances where is_live") == 0, PATIENCE, "the end of all workflows")
        except AssertionError as error:
            left = "select status, phase, count(*), max(sends), max(reaps) from scheduled_tasks where is_live group by 1, 2"
            raise AssertionError(f"{error}; live tasks: {self.now.rows(left)}") from None


def is_gone(pid: int) -> bool:
    """Whether a process has ended."""
    return not alive({pid})


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restarted]:
    """One data directory for the file."""
    restarted = Restarted(tmp_path_factory.mktemp("losses"))
    yield restarted
    restarted.now.end()


def test_a_message_delivered_three_times_at_once(stacks: Restarted) -> None:
    """The real messages, three times each when the stack looks, and again while their effects are under way: one effect each."""
    stack = stacks.now
    stack.publish("one_bio", [{**BIO, "delay": "100s"}])
    sqs, url = aws(stack, "sqs"), stack.facts["queueUrl"]

    def send(body: str) -> None:
        sqs.send_message(QueueUrl=url, MessageBody=body)

    with stack.behaviour(latency=0.5), ThreadPoolExecutor(6) as senders:
        workflows = start_many(stack, [f"copied-{n}" for n in range(10)], "one_bio")
        with frozen(stack):
            bodies = peek(stack)
            assert sum(workflow in body for body in bodies for workflow in workflows.values()) == 10
            list(senders.map(send, bodies * 2))
        for _ in range(4):
            time.sleep(0.4)
            list(senders.map(send, bodies * 3))
        stacks.wait_all_over()
    assert_each_effect_once(stack, workflows, ["updateBio"])
    asked = [write["account"] for write in stack.actions.get("/_sim/ledger").json()["writes"] if write["operation"] == "updateBio"]
    assert sorted(asked) == sorted(workflows), "nobody is even asked twice"
    assert_invariants(stack)


def test_killed_again_and_again(stacks: Restarted) -> None:
    """SIGKILL at random moments under 150 workflows, and then peace: after a lease and a tick each goes on."""
    moments = random.Random(20)
    stacks.now.publish("storm", [{**step, "delay": {"min": "10s", "max": "3m"}} for step in (BIO, SWIPE, PROMPT)])
    stacks.now.actions.post("/_sim/settings", json={"latency": 0.1}).raise_for_status()
    workflows = start_many(stacks.now, [f"storm-{n}" for n in range(150)], "storm")
    for kill in range(KILLS):
        time.sleep(moments.uniform(0.5, 3.0))
        wait_until(lambda: stacks.count("scheduled_tasks where status = 'running'") > 0, 60, "something to strike")
        stacks.kill(every_process=kill % 2 == 1)
        stacks.start()
    stacks.wait_all_over()
    assert_each_effect_once(stacks.now, workflows, ["updateBio", "startSwipeTask", "updatePrompt"])
    assert_invariants(stacks.now)
    assert stacks.count("scheduled_tasks where reaps > 0") > 0


def test_queue_and_lock_table_are_lost(stacks: Restarted) -> None:
    """The emulator dies with every message and lock, twice, and the stack is restarted: nothing is left undone."""
    stack = stacks.now
    stack.publish("lossy", [{**BIO, "delay": {"min": "20s", "max": "100s"}}, {**PROMPT, "delay": "2m"}])
    workflows = start_many(stack, [f"lost-{n}" for n in range(40)], "lossy")
    for _ in range(2):
        with frozen(stack):
            assert stacks.count("scheduled_tasks where status = 'queued'") > 0
            (emulator,) = [pid for pid, command in alive(stack.processes()).items() if "devstack.aws_emulator" in command]
            os.kill(emulator, signal.SIGKILL)
        wait_until(partial(is_gone, emulator), 10, "the emulator's end")
        wait_until(lambda: stack.api.get("/v1/health").json()["status"] == "ok", 30, "health")
    assert stacks.count("workflow_instances where is_live") > 0
    stack.stop()
    stacks.start()
    stacks.wait_all_over()
    assert_each_effect_once(stacks.now, workflows, ["updateBio", "updatePrompt"])
    assert_invariants(stacks.now)
