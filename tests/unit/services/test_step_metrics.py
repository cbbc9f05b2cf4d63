"""Metrics tell what commits made true."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flamebot.domain.committed import Committed
from flamebot.domain.decision import Decision, HistoryEntry, InstanceWrite
from flamebot.domain.ids import TaskId
from flamebot.domain.outcome import Done, LeaseExpired, Outcome, Retry
from flamebot.services.step_metrics import count_steps
from tests.unit.services.stand_ins import NOON, ListTelemetry


def counted(
    outcome: Outcome,
    *,
    history: Any = None,
    status: Any = None,
    accepted: bool = True,
    instance: str = "active",
) -> ListTelemetry:
    """Count a commit at twice the speed.

    The history's only line is of a step that took a minute.
    """
    telemetry = ListTelemetry()
    entries = (
        HistoryEntry(
            step_id="s",
            action="add_bio",
            status=history,
            attempt=1,
            started_at=NOON - timedelta(minutes=1),
            finished_at=NOON,
        ),
    )
    decision = Decision(
        task=None,
        instance=InstanceWrite(current_step=0, status=status),
        history=entries if history else (),
    )
    committed = Committed(task_id=TaskId("t"), accepted=accepted, instance_status=instance)
    count_steps(
        telemetry, action="add_bio", outcome=outcome, decision=decision, committed=committed, rate=2
    )
    return telemetry


@pytest.mark.parametrize(
    ("outcome", "history", "counts"),
    [
        (Done(), "completed", {"StepsCompleted": 1}),
        (Retry(error="e"), "retried", {"StepsRetried": 1}),
        (Retry(error="e"), "failed", {"StepsFailed": 1, "TasksExhausted": 1}),
        (LeaseExpired(error="crash_loop"), "failed", {"StepsFailed": 1, "TasksExhausted": 1}),
        (LeaseExpired(error="lease_expired"), None, {}),
    ],
)
def test_steps_are_counted_by_what_became_of_them(
    outcome: Outcome, history: str | None, counts: dict[str, float]
) -> None:
    """A step is completed, failed or retried.

    A failure after the last attempt is an exhausted task too.
    """
    assert counted(outcome, history=history).counts == counts


def test_a_steps_duration_is_real() -> None:
    """A minute of schedule time at twice the speed took half a minute."""
    assert counted(Done(), history="completed").durations == {"StepDuration": [30.0]}


def test_a_stale_commit_counts_as_nothing_else() -> None:
    """A stale commit counts as stale only."""
    assert counted(Done(), history="completed", accepted=False).counts == {"StaleCommits": 1}


def test_workflows_count_by_what_they_became() -> None:
    """A stopping workflow absorbs a failure: it ends stopped, not failed."""
    assert counted(Done(), status="completed", instance="completed").counts == {
        "WorkflowsCompleted": 1
    }
    assert counted(Done(), status="failed", instance="failed").counts == {"WorkflowsFailed": 1}
    assert counted(Done(), status="failed", instance="stopped").counts == {}
