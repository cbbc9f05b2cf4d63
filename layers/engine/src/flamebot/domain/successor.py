"""The task that follows another in the same invocation, as `begin_tasks` would return it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from flamebot.domain.begun import Begun
from flamebot.domain.committed import Committed
from flamebot.domain.decision import Decision
from flamebot.domain.task import Task


def successor(
    begun: Begun, decision: Decision, committed: Committed, *, wall: datetime
) -> Begun | None:
    """Return the next task if the commit created it as running, and for this invocation.

    No statement begins it: `commit_tasks` wrote it with status running, a new fence and a lease.

    Args:
        begun: The task whose decision was committed.
        decision: What was committed.
        committed: What the commit returned.
        wall: Wall time, from which the age of the next task's idempotency key counts.
    """
    follower = decision.next
    # A status of running alone proves nothing. If the decision did not ask for the next task to be
    # run here, another invocation has begun it since the first try of a repeated commit.
    if follower is None or not follower.run or not committed.accepted:  # guard: only-as-requested
        return None
    # A pause between plan and commit leaves the task held or pending.
    if committed.next_status != "running":  # guard: only-what-is-running
        return None
    if committed.next_task_id is None or committed.next_fence is None:
        return None
    written = decision.instance
    instance = begun.instance
    return replace(
        begun,
        now=follower.at,
        service_record=None,
        late_ms=0,
        task=Task(
            task_id=committed.next_task_id,
            sequence=begun.task.sequence + 1,
            step_id=follower.step_id,
            action=follower.action,
            phase=follower.phase,
            scheduled_for=follower.at,
            attempts=follower.attempts,
            reclaims=0,
            sends=0,
            fence=committed.next_fence,  # guard: fence-of-the-commit
            payload=follower.payload,
            outcome_unknown=False,
            first_begun_at=wall,
        ),
        instance=replace(
            instance,
            current_step=written.current_step,
            context=instance.context if written.context is None else written.context,
            iterations=instance.iterations if written.iterations is None else written.iterations,
            revision=instance.revision + 1,
        ),
    )
