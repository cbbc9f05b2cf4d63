"""The planner: the functions that decide what happens next.

They are pure: the same definition, instance, task, outcome, time and random numbers give the same
decision. Every decision of `plan` does exactly one of three things: it runs the same row again, it
creates the next task, or it ends the instance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from flamebot.domain.advance import AdvanceResult, advance, first_task, timer_task
from flamebot.domain.context import remember
from flamebot.domain.decision import Decision, HistoryEntry, InstanceWrite, NextTask, TaskWrite
from flamebot.domain.definition import Definition
from flamebot.domain.failure import (
    aborted,
    absent,
    deferred,
    failed,
    is_stop,
    lease_expired,
    refused,
    retried,
)
from flamebot.domain.instance import Instance
from flamebot.domain.outcome import (
    Abort,
    Absent,
    Continue,
    Defer,
    Done,
    Fail,
    LeaseExpired,
    Outcome,
    Retry,
)
from flamebot.domain.plan_context import GIVE_UP_AFTER, PlanContext
from flamebot.domain.polling import still_running, submitted
from flamebot.domain.service_call import ServiceRecord
from flamebot.domain.step import PureStep
from flamebot.domain.task import Phase, Task, rewound
from flamebot.domain.task_random import TaskRandom


def plan(  # noqa: PLR0917  # the inputs of a decision, in the order in which a sentence names them
    definition: Definition,
    instance: Instance,
    task: Task,
    outcome: Outcome,
    now: datetime,
    random: TaskRandom,
    *,
    global_paused_ms: int,
    service_record: ServiceRecord | None = None,
    late_ms: int = 0,
    give_up_after: timedelta = GIVE_UP_AFTER,
) -> Decision:
    """Decide what follows a task's outcome.

    Args:
        definition: The instance's pinned definition.
        instance: The instance, as it was when the task was begun.
        task: The task that was run.
        outcome: What its execution returned.
        now: Schedule time.
        random: Random numbers seeded by the task's id.
        global_paused_ms: The total length of all global pauses so far.
        service_record: How the task's service has answered other tasks since its last failure.
        late_ms: How late the task was begun, without global pauses. Schedule time.
        give_up_after: How long a step waits for services at most, beside its own time.
    """
    ctx = PlanContext.of(
        definition,
        instance,
        task,
        now,
        random,
        global_paused_ms=global_paused_ms,
        service_record=service_record,
        late_ms=late_ms,
        give_up_after=give_up_after,
    )
    match outcome:
        case Done():
            return _done(ctx, outcome.result)
        case Continue():
            return still_running(ctx)
        case Retry():
            return retried(ctx, outcome)
        case Defer():
            return deferred(ctx, outcome)
        case Absent():
            return absent(ctx, outcome)
        case Fail():
            return refused(ctx, outcome)
        case Abort():
            return aborted(ctx, outcome)
        case LeaseExpired():
            return lease_expired(ctx, outcome)


def plan_start(
    definition: Definition, instance: Instance, now: datetime, random: TaskRandom
) -> Decision:
    """Decide an instance's first task.

    There always is one. A workflow of nothing but jumps to its end gets a timer task, so that it
    is completed by a commit like any other.
    """
    result = advance(definition, instance, 0, now, random)
    if result.next is None:
        result = AdvanceResult(step_index=0, next=timer_task(definition.steps[0], now, now))
    return _queued(result.decision(None))


def plan_retry(
    definition: Definition,
    instance: Instance,
    task: Task | None,
    now: datetime,
    random: TaskRandom,
) -> Decision:
    """Decide how a failed instance continues at the step that failed.

    The step gets all its attempts and its whole timeout again. If the outcome of its effect is
    unknown, the same task is reopened (`Decision.task`), so that the same key is sent. If the
    cancellation of its job was not confirmed, the job is polled once more. Otherwise the step
    begins anew, with the text that was generated before unless it was refused.

    Args:
        definition: The instance's pinned definition.
        instance: The failed instance.
        task: Its last task. None: it has none any more.
        now: Schedule time.
        random: Random numbers that differ between retries of the same step.
    """
    step_index = min(instance.current_step, definition.total_steps - 1)
    step = definition.steps[step_index]
    write = InstanceWrite(current_step=step_index)
    # A pure step can fail (a goto at its limit): then the last task is that of an earlier step,
    # which has succeeded, and neither its key nor its text may be used for this one.
    if task is not None and task.step_id != step.id:  # guard: another-steps-task
        task = None
    if isinstance(step, PureStep):
        return Decision(task=None, instance=write, next=timer_task(step, now, now))
    if task is not None and task.outcome_unknown:  # guard: reopen-unknown
        payload = rewound(task.payload)
        reopened = TaskWrite(
            to="pending", at=now, payload=payload, attempts=0, outcome_unknown=True
        )
        return Decision(task=reopened, instance=write)
    # A cancellation that was confirmed has removed the key (see `_cancelled`).
    unconfirmed = task is not None and task.phase is Phase.CANCEL
    if task is not None and unconfirmed and task.payload.key is not None:  # guard: poll-unconfirmed
        payload = rewound(task.payload).carried(reason=None)
        poll = NextTask(
            step_id=step.id, action=step.action, phase=Phase.POLL, at=now, payload=payload
        )
        return Decision(task=None, instance=write, next=poll)
    text = task.payload.text if task else None
    first = first_task(step, instance.account, now, now, random, text=text)
    if task is not None and first.phase is Phase.GENERATE:
        first = replace(first, payload=first.payload.carried(text_issues=task.payload.text_issues))
    return _queued(Decision(task=None, instance=write, next=first))


def plan_skip(
    definition: Definition,
    instance: Instance,
    task: Task | None,
    now: datetime,
    random: TaskRandom,
) -> Decision:
    """Decide what follows if an operator skips the waiting step.

    Args:
        definition: The instance's pinned definition.
        instance: A live instance whose step waits.
        task: Its last task. None: it has none any more.
        now: Schedule time.
        random: Random numbers that differ between skips.
    """
    step_index = (
        definition.step_index(task.step_id)
        if task
        else min(instance.current_step, definition.total_steps - 1)
    )
    step = definition.steps[step_index]
    began = (task.payload.started_at if task else None) or now
    entry = HistoryEntry(
        step_id=step.id,
        action=step.action,
        status="skipped",
        # The last attempt that was made, not `Task.attempt`: the waiting task makes none any more.
        attempt=max(1, task.attempts if task else 1),
        started_at=min(began, now),
        finished_at=now,
    )
    result = advance(definition, instance, step_index + 1, now, random)
    return _queued(result.decision(None, history=(entry,)))


def _done(ctx: PlanContext, result: Mapping[str, Any]) -> Decision:
    match ctx.task.phase:
        case Phase.TIMER:
            advanced = advance(
                ctx.definition,
                ctx.instance,
                ctx.step_index,
                ctx.now,
                ctx.random,
                waited_since=ctx.began,
            )
            return advanced.decision(ctx.finish("completed"))
        case Phase.GENERATE:
            return _generated(ctx, str(result["text"]), dict(result))
        case Phase.SUBMIT:
            return submitted(ctx, str(result["job_id"]))
        case Phase.POLL:
            return _step_done(ctx, _job_result(ctx, result))
        case Phase.CANCEL:
            return _cancelled(ctx, result)


def _generated(ctx: PlanContext, text: str, result: dict[str, object]) -> Decision:
    # The text is stored with the next task before it is sent: a crash repeats the submit with the
    # same text and key, never the generation.
    request = ctx.effect.request(ctx.instance.account, text, ctx.random)
    return Decision(
        task=ctx.finish("completed", result=result),
        instance=InstanceWrite(current_step=ctx.step_index),
        next=ctx.next(
            Phase.SUBMIT, ctx.now, ctx.payload.carried(request=request, text=text, text_issues=None)
        ),
    )


def _cancelled(ctx: PlanContext, result: Mapping[str, Any]) -> Decision:
    # A job that had succeeded before the cancel reached it stays succeeded: its step is completed.
    succeeded = result.get("job_status") == "succeeded"
    step_result = _job_result(ctx, result.get("job_result") or {}) if succeeded else None
    if is_stop(ctx):
        context = None
        if step_result is not None:
            context = remember(ctx.instance.context, ctx.step.id, step_result)
        return Decision(
            task=ctx.finish("completed", result=step_result),
            instance=InstanceWrite(current_step=ctx.step_index, context=context, status="stopped"),
            history=(ctx.entry("completed" if succeeded else "cancelled", result=step_result),),
        )
    if step_result is not None:
        return _step_done(ctx, step_result)
    # The job is known to have ended, so a retry must not poll it.
    without_job = ctx.payload.carried(job_id=None, key=None)  # guard: cancelled-job-forgotten
    return failed(
        ctx,
        f"{ctx.timed_out}; its job was cancelled",
        to="completed",
        payload=without_job,
    )


def _job_result(ctx: PlanContext, job_result: Mapping[str, object]) -> dict[str, object]:
    request = ctx.payload.request
    assert request is not None, "a poll or cancel task without the request it follows"
    return ctx.effect.result(request, job_result)


def _step_done(ctx: PlanContext, result: dict[str, object]) -> Decision:
    advanced = advance(ctx.definition, ctx.instance, ctx.step_index + 1, ctx.now, ctx.random)
    return advanced.decision(
        ctx.finish("completed", result=result),
        history=(ctx.entry("completed", result=result),),
        context=remember(ctx.instance.context, ctx.step.id, result),
    )


def _queued(decision: Decision) -> Decision:
    """Return the decision with a next task that waits for a worker.

    An operator's request runs no task: it holds neither the account's lock nor a lease.
    """
    follower = decision.next
    if follower is None or not follower.run:  # guard: queued-not-run
        return decision
    return replace(decision, next=replace(follower, run=False))
