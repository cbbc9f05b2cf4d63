"""The planner: the only place that knows what happens next.

Pure: the same definition, instance, task, outcome, time and draw give the same decision. Every decision of `plan` does
exactly one of three things: it runs the same row again, it creates the next task, or it ends the instance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import cast

from flamebot.domain.action import EffectAction
from flamebot.domain.advance import AdvanceResult, advance, first_task, wake_up
from flamebot.domain.context import remember
from flamebot.domain.decision import Decision, HistoryEntry, InstanceWrite, NextTask, TaskWrite
from flamebot.domain.definition import Definition
from flamebot.domain.failure import aborted, deferred, failed, is_stop, lost, refused, retried
from flamebot.domain.instance import Instance
from flamebot.domain.outcome import Abort, Continue, Defer, Done, Fail, LeaseExpired, Outcome, Retry
from flamebot.domain.plan_context import PlanContext, rewound
from flamebot.domain.polling import still_running, submitted
from flamebot.domain.task import Phase, Task
from flamebot.domain.task_random import TaskRandom


def plan(  # noqa: PLR0917  # design section 3 fixes the order
    definition: Definition,
    instance: Instance,
    task: Task,
    outcome: Outcome,
    now: datetime,
    draw: TaskRandom,
    *,
    global_paused_ms: int,
) -> Decision:
    """Decide what follows from a task's outcome.

    `now` is schedule time, `draw` is seeded by the task's id, `global_paused_ms` is the control row's total. A cancel's
    `Done.result` is empty, or `{"job_status": "succeeded", "job_result": {...}}` if the job had succeeded before it could be
    cancelled.
    """
    ctx = PlanContext.of(definition, instance, task, now, draw, global_paused_ms=global_paused_ms)
    match outcome:
        case Done():
            return _done(ctx, outcome.result)
        case Continue():
            return still_running(ctx)
        case Retry():
            return retried(ctx, outcome)
        case Defer():
            return deferred(ctx, outcome)
        case Fail():
            return refused(ctx, outcome)
        case Abort():
            return aborted(ctx, outcome)
        case LeaseExpired():
            return lost(ctx, outcome)


def plan_start(
    definition: Definition,
    instance: Instance,
    now: datetime,
    draw: TaskRandom,
    *,
    global_paused_ms: int = 0,
) -> Decision:
    """Decide an instance's first task. There always is one: even a workflow of nothing but jumps to its end wakes up once."""
    del global_paused_ms  # the step's clock starts when its first phase has run
    arrival = advance(definition, instance, 0, now, draw)
    if arrival.next is None:
        arrival = AdvanceResult(place=0, next=wake_up(definition.steps[0], now, now))
    return _waiting(arrival.decision(None))


def plan_retry(
    definition: Definition,
    instance: Instance,
    task: Task | None,
    now: datetime,
    draw: TaskRandom,
    *,
    global_paused_ms: int = 0,
) -> Decision:
    """Decide how a failed instance goes on at the step that failed, with all its attempts and its whole timeout again.

    An effect of unknown outcome: the same task is reopened (`Decision.task`), so that the same key is sent. A job that could
    not be cancelled for certain is asked about once more. Anything else begins anew, with the text that was written before
    unless it was refused.
    """
    del global_paused_ms
    place = min(instance.current_step, definition.total_steps - 1)
    step = definition.steps[place]
    write = InstanceWrite(current_step=place)
    if task is not None and task.step_id != step.id:
        task = None  # a jump failed, on the way from that task's step, which is over
    if step.pure:
        return Decision(task=None, instance=write, next=wake_up(step, now, now))
    if task is not None and task.outcome_unknown:
        reopened = TaskWrite(
            to="pending", at=now, payload=rewound(task.payload), attempts=0, outcome_unknown=True
        )
        return Decision(task=reopened, instance=write)
    if task is not None and task.phase is Phase.CANCEL and task.payload.key is not None:
        payload = rewound(task.payload).carried(reason=None)
        asking = NextTask(
            step_id=step.id, action=step.action, phase=Phase.POLL, at=now, payload=payload
        )
        return Decision(task=None, instance=write, next=asking)
    text = task.payload.text if task else None
    return _waiting(
        Decision(
            task=None,
            instance=write,
            next=first_task(step, instance.account, now, now, draw, text=text),
        )
    )


def plan_skip(
    definition: Definition,
    instance: Instance,
    task: Task | None,
    now: datetime,
    draw: TaskRandom,
    *,
    global_paused_ms: int = 0,
) -> Decision:
    """Decide what follows if the waiting step is passed over."""
    del global_paused_ms
    place = (
        definition.place(task.step_id)
        if task
        else min(instance.current_step, definition.total_steps - 1)
    )
    step = definition.steps[place]
    began = (task.payload.started_at if task else None) or now
    entry = HistoryEntry(
        step_id=step.id,
        action=step.action,
        status="skipped",
        attempt=max(1, task.attempts if task else 1),
        started_at=min(began, now),
        finished_at=now,
    )
    return _waiting(
        advance(definition, instance, place + 1, now, draw).decision(None, history=(entry,))
    )


def _done(ctx: PlanContext, result: Mapping[str, object]) -> Decision:
    match ctx.task.phase:
        case Phase.TIMER:
            arrival = advance(
                ctx.definition,
                ctx.instance,
                ctx.place,
                ctx.now,
                ctx.draw,
                waited_since=ctx.began,
            )
            return arrival.decision(ctx.finish("completed"))
        case Phase.GENERATE:
            return _written(ctx, str(result["text"]), dict(result))
        case Phase.SUBMIT:
            return submitted(ctx, str(result["job_id"]))
        case Phase.POLL:
            return _step_done(ctx, _remembered(ctx, result))
        case Phase.CANCEL:
            return _cancelled(ctx, result)


def _written(ctx: PlanContext, text: str, result: dict[str, object]) -> Decision:
    effect = cast(EffectAction, ctx.step.behaviour)
    request = effect.request(ctx.instance.account, text, ctx.draw)
    return Decision(
        task=ctx.finish("completed", result=result),
        instance=InstanceWrite(current_step=ctx.place),
        next=ctx.next(Phase.SUBMIT, ctx.now, ctx.payload.carried(request=request, text=text)),
    )


def _cancelled(ctx: PlanContext, result: Mapping[str, object]) -> Decision:
    succeeded = result.get("job_status") == "succeeded"
    job_result = cast(Mapping[str, object], result.get("job_result") or {})
    remembered = _remembered(ctx, job_result) if succeeded else None
    if is_stop(ctx):
        return Decision(
            task=ctx.finish("completed", result=remembered),
            instance=InstanceWrite(
                current_step=ctx.place,
                context=remember(ctx.instance.context, ctx.step.id, remembered)
                if remembered is not None
                else None,
                status="stopped",
            ),
            history=(ctx.entry("completed" if succeeded else "cancelled", result=remembered),),
        )
    if remembered is not None:
        return _step_done(ctx, remembered)
    return failed(
        ctx,
        f"step_timeout: not finished within {ctx.step.timeout}; its job was cancelled",
        to="completed",
        payload=ctx.payload.carried(job_id=None, key=None),  # nothing is left to ask after
    )


def _remembered(ctx: PlanContext, job_result: Mapping[str, object]) -> dict[str, object]:
    request = ctx.payload.request
    assert request is not None, "a poll or cancel task without the request it follows"
    return cast(EffectAction, ctx.step.behaviour).result(request, job_result)


def _step_done(ctx: PlanContext, result: dict[str, object]) -> Decision:
    arrival = advance(ctx.definition, ctx.instance, ctx.place + 1, ctx.now, ctx.draw)
    return arrival.decision(
        ctx.finish("completed", result=result),
        history=(ctx.entry("completed", result=result),),
        context=remember(ctx.instance.context, ctx.step.id, result),
    )


def _waiting(decision: Decision) -> Decision:
    """Nobody is running anything here: what comes next is queued, never born running."""
    return (
        replace(decision, next=replace(decision.next, run=False))
        if decision.next and decision.next.run
        else decision
    )
