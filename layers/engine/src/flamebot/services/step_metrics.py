"""Metrics of steps, the same for tasks that the step function ran and the tick reclaimed."""

from __future__ import annotations

from flamebot.domain.committed import Committed
from flamebot.domain.decision import Decision
from flamebot.domain.outcome import Absent, LeaseExpired, Outcome, Retry
from flamebot.ports.telemetry import Telemetry


def count_steps(
    telemetry: Telemetry,
    *,
    action: str,
    outcome: Outcome,
    decision: Decision,
    committed: Committed,
    rate: float,
) -> None:
    """Count what a commit changed.

    Args:
        telemetry: Where it is counted.
        action: The action of the task's step.
        outcome: The task's outcome.
        decision: What was committed.
        committed: The result of the commit; a stale one changed nothing.
        rate: Schedule seconds per wall-clock second, for the step's duration.
    """
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
    if failed and isinstance(outcome, Retry | LeaseExpired | Absent):
        telemetry.count("TasksExhausted", action=action)
    elif isinstance(outcome, Retry):
        telemetry.count("StepsRetried", action=action)
    # The commit overrides what was decided for a stopping instance: the status it has now counts.
    if (
        decision.instance.status is not None
        and decision.instance.status == committed.instance_status
    ):
        if committed.instance_status == "completed":
            telemetry.count("WorkflowsCompleted")
        elif committed.instance_status == "failed":
            telemetry.count("WorkflowsFailed")
