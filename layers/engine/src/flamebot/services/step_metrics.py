"""How steps are told in logs and metrics: the same words whoever ran the task, step function or tick."""

from __future__ import annotations

from flamebot.domain.decision import Decision
from flamebot.domain.outcome import LeaseExpired, Outcome, Retry
from flamebot.domain.task import Phase, Task
from flamebot.ports.engine_store import Committed
from flamebot.ports.telemetry import Telemetry


def attempt_of(task: Task) -> int:
    """Which attempt a run of the task is, from 1; waking up and polling are none of their own."""
    return max(task.attempts + (task.phase not in (Phase.TIMER, Phase.POLL)), 1)


def count_steps(
    telemetry: Telemetry,
    *,
    action: str,
    outcome: Outcome,
    decision: Decision,
    committed: Committed,
    rate: float,
) -> None:
    """Count what a commit made true; `rate` turns the step's schedule time into wall-clock seconds."""
    if not committed.accepted:
        telemetry.count("StaleCommits")
        return
    failed = False
    for entry in decision.history:
        if entry.status == "completed":
            telemetry.count("StepsCompleted", action=entry.action)
            telemetry.seconds(
                "StepDuration",
                (entry.finished_at - entry.started_at).total_seconds() / rate,
                action=entry.action,
            )
        elif entry.status == "failed":
            failed = True
            telemetry.count("StepsFailed", action=entry.action)
    if failed and isinstance(outcome, Retry | LeaseExpired):
        telemetry.count("TasksExhausted", action=action)
    elif isinstance(outcome, Retry):
        telemetry.count("StepsRetried", action=action)
    # A stopping instance absorbs what was decided for it: what counts is what it became.
    if (
        decision.instance.status is not None
        and decision.instance.status == committed.instance_status
    ):
        if committed.instance_status == "completed":
            telemetry.count("WorkflowsCompleted")
        elif committed.instance_status == "failed":
            telemetry.count("WorkflowsFailed")
