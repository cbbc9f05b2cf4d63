"""Polling: when to request a job's status, and when its time is over."""

from __future__ import annotations

from datetime import timedelta

from flamebot.domain.decision import Decision, InstanceWrite
from flamebot.domain.plan_context import PlanContext
from flamebot.domain.task import Phase

# After the submit, after the first poll, and so on; the last one repeats. Short jobs (a text) end
# within seconds, long ones (swipes) take minutes: a short interval for those would only cost
# requests and database writes.
POLL_WAITS = (
    timedelta(seconds=2),
    timedelta(seconds=5),
    timedelta(seconds=15),
    timedelta(seconds=30),
)
# A cancel that finds no job under the key looks again: the submit's request may still be on its
# way. By then it has ended, since a call takes at most its timeout.
LOOK_AGAIN = timedelta(seconds=45)


def poll_wait(polls: int) -> timedelta:
    """Return the wait before the next poll, after a number of polls."""
    return POLL_WAITS[min(polls, len(POLL_WAITS) - 1)]


def submitted(ctx: PlanContext, job_id: str) -> Decision:
    """Decide what follows an accepted submit: poll its job."""
    # The key goes along with the job id: a cancel or a retry looks the job up by it.
    key = ctx.task.task_id  # guard: poll-key
    payload = ctx.payload.carried(
        job_id=job_id,
        key=key,
        polls=0,
        look_up=None,
        absent=False,
        unanswered=0,
        unanswered_since=None,
    )
    return Decision(
        task=ctx.finish("completed", result={"job_id": job_id}),
        instance=InstanceWrite(current_step=ctx.step_index),
        next=ctx.next(Phase.POLL, ctx.after(poll_wait(0)), payload, attempts=ctx.tries),
        # A stop that came while the request was on its way cancels the job it made.
        if_stopping=ctx.cancel("stop", run=False, job_id=job_id),  # guard: submitted-stop
    )


def still_running(ctx: PlanContext) -> Decision:
    """Decide what follows a poll of a job that is at work: poll again, or cancel the job."""
    polls = ctx.payload.polls + 1
    payload = ctx.payload.carried(polls=polls)
    if ctx.task.phase is Phase.CANCEL:
        return ctx.reschedule(ctx.after(LOOK_AGAIN), payload=payload)
    # The timeout is applied to this response only: without one it is not known whether the job
    # runs, and a job that has succeeded must not be cancelled.
    if ctx.now < ctx.deadline:  # guard: job-timeout
        return ctx.reschedule(ctx.after(poll_wait(polls)), payload=payload)
    return Decision(
        task=ctx.finish("completed"),
        instance=InstanceWrite(current_step=ctx.step_index),
        next=ctx.cancel("timeout", run=True),
        # If a stop comes at the same time, the cancel has to end in `stopped`.
        if_stopping=ctx.cancel("stop", run=False),  # guard: timeout-stop
    )
