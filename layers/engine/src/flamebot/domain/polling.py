"""Asking after a job: when to ask again, and when to stop asking."""

from __future__ import annotations

from datetime import timedelta

from flamebot.domain.decision import Decision, InstanceWrite
from flamebot.domain.plan_context import PlanContext
from flamebot.domain.task import Phase

# After the submit, after the first poll, and so on; the last one for every poll that follows.
POLL_WAITS = (
    timedelta(seconds=2),
    timedelta(seconds=5),
    timedelta(seconds=15),
    timedelta(seconds=30),
)
LOOK_AGAIN = timedelta(
    seconds=45
)  # a submit that was on its way when its job was looked up in vain has ended by then


def poll_wait(polls: int) -> timedelta:
    """The wait before the next poll, after so many."""
    return POLL_WAITS[min(polls, len(POLL_WAITS) - 1)]


def submitted(ctx: PlanContext, job_id: str) -> Decision:
    """The service has the work: ask after it."""
    payload = ctx.payload.carried(job_id=job_id, key=ctx.task.task_id, polls=0)
    return Decision(
        task=ctx.finish("completed", result={"job_id": job_id}),
        instance=InstanceWrite(current_step=ctx.place),
        next=ctx.next(Phase.POLL, ctx.after(poll_wait(0)), payload, attempts=ctx.tries),
        if_stopping=ctx.cancel("stop", run=False, job_id=job_id),
    )


def still_running(ctx: PlanContext) -> Decision:
    """The job is at work: ask again, or take it back if its time is over. Only such an answer is judged by the timeout."""
    polls = ctx.payload.polls + 1
    payload = ctx.payload.carried(polls=polls)
    if ctx.task.phase is Phase.CANCEL:
        return ctx.reschedule(ctx.after(LOOK_AGAIN), payload=payload)
    if ctx.now < ctx.deadline:
        return ctx.reschedule(ctx.after(poll_wait(polls)), payload=payload)
    return Decision(
        task=ctx.finish("completed"),
        instance=InstanceWrite(current_step=ctx.place),
        next=ctx.cancel("timeout", run=True),
        if_stopping=ctx.cancel("stop", run=False),
    )
