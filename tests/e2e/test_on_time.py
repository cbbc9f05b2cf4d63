"""At normal speed every step of `test` begins in its second, at any offset from the tick."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.local_stack import Json, LocalStack

pytestmark = pytest.mark.slow

OFFSETS = (0, 20, 40)  # seconds after the first import: a tick comes once a minute
SECOND = timedelta(seconds=1)
TIMEOUT = 240.0
# When a step's first task was due and when it began: a timer, a generate, or a submit without a
# text.
BEGINNINGS = """
    select distinct on (step_id) step_id, scheduled_for as due, started_at as begun
      from scheduled_tasks where workflow_instance_id = %s::uuid order by step_id, sequence
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The observations of one finished workflow."""

    workflow: Json
    history: dict[str, Json]  # by step id
    ledger: Json
    beginnings: dict[str, Json]  # by step id

    def time(self, name: str) -> datetime:
        """Return a moment of the workflow."""
        return datetime.fromisoformat(self.workflow[name])

    def finished(self, step_id: str) -> datetime:
        """Return when a step ended."""
        return datetime.fromisoformat(self.history[step_id]["finishedAt"])

    def written(self, operation: str) -> datetime:
        """Return when the actions service received an effect."""
        (write,) = (write for write in self.ledger["writes"] if write["operation"] == operation)
        return datetime.fromtimestamp(write["startedAt"], UTC)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Run]]:
    """Import accounts at different seconds of a minute and run them to their ends in wall time."""
    stack = LocalStack(tmp_path_factory.mktemp("real-time"), "--ephemeral")
    try:
        began = time.monotonic()
        started: dict[int, str] = {}
        for offset in OFFSETS:
            time.sleep(max(0.0, began + offset - time.monotonic()))
            started[offset] = stack.start_workflow(f"on-time-{offset}", "test")
        yield {
            offset: _over(stack, f"on-time-{offset}", instance_id)
            for offset, instance_id in started.items()
        }
    finally:
        stack.end()


def _over(stack: LocalStack, account: str, instance_id: str) -> Run:
    return Run(
        workflow=stack.wait_over(instance_id, TIMEOUT),
        history={entry["stepId"]: entry for entry in stack.history(instance_id)},
        ledger=stack.ledger(account),
        beginnings={row["step_id"]: row for row in stack.rows(BEGINNINGS, instance_id)},
    )


@pytest.mark.parametrize("offset", OFFSETS)
def test_it_does_what_its_definition_says(runs: dict[int, Run], offset: int) -> None:
    """The workflow completes with a prompt, five swipes and a bio, each once."""
    run = runs[offset]
    assert (run.workflow["status"], list(run.history)) == (
        "completed",
        ["wait", "add_prompt", "test_swipe", "add_bio"],
    )
    assert [job["operation"] for job in run.ledger["jobs"]] == [
        "updatePrompt",
        "startSwipeTask",
        "updateBio",
    ]
    assert run.history["test_swipe"]["result"]["requested"] == 5


@pytest.mark.parametrize("offset", OFFSETS)
def test_every_step_begins_within_a_second(runs: dict[int, Run], offset: int) -> None:
    """I6: every step begins within one second of its due time, and none before it."""
    beginnings = runs[offset].beginnings
    assert set(beginnings) == {"wait", "add_prompt", "test_swipe", "add_bio"}
    late = {step_id: row["begun"] - row["due"] for step_id, row in beginnings.items()}
    assert all(timedelta() <= lateness < SECOND for lateness in late.values()), late


@pytest.mark.parametrize("offset", OFFSETS)
def test_steps_are_due_when_the_definition_says(runs: dict[int, Run], offset: int) -> None:
    """The prompt is due 30 s after the start, the swipes at once, the bio two minutes later."""
    run = runs[offset]
    due = {step_id: row["due"] for step_id, row in run.beginnings.items()}
    assert due["wait"] == run.time("startedAt") + timedelta(seconds=30)
    assert timedelta() <= due["add_prompt"] - due["wait"] < SECOND
    assert timedelta() <= due["test_swipe"] - run.finished("add_prompt") < SECOND
    assert (
        timedelta() <= due["add_bio"] - run.finished("test_swipe") - timedelta(minutes=2) < SECOND
    )


@pytest.mark.parametrize("offset", OFFSETS)
def test_the_service_is_never_called_early(runs: dict[int, Run], offset: int) -> None:
    """I6: by the clock of the actions service, no effect arrived before its time."""
    run = runs[offset]
    assert run.written("updatePrompt") >= run.beginnings["wait"]["due"]
    assert run.written("startSwipeTask") >= run.finished("add_prompt")
    assert run.written("updateBio") >= run.finished("test_swipe") + timedelta(minutes=2)
