"""Asking after a job: when to ask again, and when to stop asking."""

from __future__ import annotations

from datetime import timedelta

from flamebot.domain.decision import Decision, InstanceWrite
from flamebot.domain.situation import Situation
from flamebot.domain.task import Phase

# After the submit, after the first poll, and so on; the last one for every poll that follows.
POLL_WAITS = (timedelta(seconds=2), timedelta(seconds=5), timedelta(seconds=15), timedelta(seconds=30))
LOOK_AGAIN = timedelta(seconds=45)  # a submit that was on its way when its job was looked up in vain has ended by then


def poll_wait(polls: int) -> timedelta:
    """The wait before the next poll, after so many."""
    return POLL_WAITS[min(polls, len(POLL_WAITS) - 1)]


def submitted(situation: Situation, job_id: str) -> Decision:
    """The service has the work: ask after it."""
    payload = situation.payload.carried(job_id=job_id, key=situation.task.task_id, polls=0)
    return Decision(
        task=situation.over("completed", result={"job_id": job_id}),
        instance=InstanceWrite(current_step=situation.place),
        next=situation.next(Phase.POLL, situation.after(poll_wait(0)), payload, attempts=situation.tries),
        if_stopping=situation.cancel("stop", run=False, job_id=job_id),
    )


def still_running(situation: Situation) -> Decision:
    """The job is at work: ask again, or take it back if its time is over. Only such an answer is judged by the timeout."""
    polls = situation.payload.polls + 1
    payload = situation.payload.carried(polls=polls)
    if situation.task.phase is Phase.CANCEL:
        return situation.again(situation.after(LOOK_AGAIN), payload=payload)
    if situation.now < situation.deadline:
        return situation.again(situation.after(poll_wait(polls)), payload=payload)
    return Decision(
        task=situation.over("completed"),
        instance=InstanceWrite(current_step=situation.place),
        next=situation.cancel("timeout", run=True),
        if_stopping=situation.cancel("stop", run=False),
    )
