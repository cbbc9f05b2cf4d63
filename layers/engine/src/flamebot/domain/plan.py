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
from flamebot.domain.context import remember
from flamebot.domain.decision import Decision, HistoryEntry, InstanceWrite, NextTask, TaskWrite
from flamebot.domain.definition import Definition
from flamebot.domain.draw import Draw
from flamebot.domain.failure import deferred, failed, halted, is_stop, lost, refused, retried
from flamebot.domain.instance import Instance
from flamebot.domain.outcome import Continue, Defer, Done, Fail, Halt, Lost, Outcome, Retry
from flamebot.domain.polling import still_running, submitted
from flamebot.domain.situation import Situation, rewound
from flamebot.domain.task import Phase, Task
from flamebot.domain.walk import Arrival, first_task, wake_up, walk


def plan(  # noqa: PLR0917  # design section 3 fixes the order
    definition: Definition, instance: Instance, task: Task, outcome: Outcome, now: datetime, draw: Draw, *, global_paused_ms: int
) -> Decision:
    """Decide what follows from a task's outcome.

    `now` is engine time, `draw` is seeded by the task's id, `global_paused_ms` is the control row's total. A cancel's
    `Done.result` is empty, or `{"job_status": "succeeded", "job_result": {...}}` if the job had succeeded before it could be
    cancelled.
    """
    situation = Situation.of(definition, instance, task, now, draw, global_paused_ms=global_paused_ms)
    match outcome:
        case Done():
            return _done(situation, outcome.result)
        case Continue():
            return still_running(situation)
        case Retry():
            return retried(situation, outcome)
        case Defer():
            return deferred(situation, outcome)
        case Fail():
            return refused(situation, outcome)
        case Halt():
            return halted(situation, outcome)
        case Lost():
            return lost(situation, outcome)


def plan_start(definition: Definition, instance: Instance, now: datetime, draw: Draw, *, global_paused_ms: int = 0) -> Decision:
    """Decide an instance's first task. There always is one: even a workflow of nothing but jumps to its end wakes up once."""
    del global_paused_ms  # the step's clock starts when its first phase has run
    arrival = walk(definition, instance, 0, now, draw)
    if arrival.next is None:
        arrival = Arrival(place=0, next=wake_up(definition.steps[0], now, now))
    return _waiting(arrival.decision(None))


def plan_retry(
    definition: Definition, instance: Instance, task: Task | None, now: datetime, draw: Draw, *, global_paused_ms: int = 0
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
        reopened = TaskWrite(to="pending", at=now, payload=rewound(task.payload), attempts=0, outcome_unknown=True)
        return Decision(task=reopened, instance=write)
    if task is not None and task.phase is Phase.CANCEL and task.payload.key is not None:
        payload = rewound(task.payload).carried(reason=None)
        asking = NextTask(step_id=step.id, action=step.action, phase=Phase.POLL, at=now, payload=payload)
        return Decision(task=None, instance=write, next=asking)
    text = task.payload.text if task else None
    return _waiting(Decision(task=None, instance=write, next=first_task(step, instance.account, now, now, draw, text=text)))


def plan_skip(
    definition: Definition, instance: Instance, task: Task | None, now: datetime, draw: Draw, *, global_paused_ms: int = 0
) -> Decision:
    """Decide what follows if the waiting step is passed over."""
    del global_paused_ms
    place = definition.place(task.step_id) if task else min(instance.current_step, definition.total_steps - 1)
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
    return _waiting(walk(definition, instance, place + 1, now, draw).decision(None, history=(entry,)))


def _done(situation: Situation, result: Mapping[str, object]) -> Decision:
    match situation.task.phase:
        case Phase.WAKE:
            arrival = walk(
                situation.definition,
                situation.instance,
                situation.place,
                situation.now,
                situation.draw,
                waited_since=situation.began,
            )
            return arrival.decision(situation.over("completed"))
        case Phase.TEXT:
            return _written(situation, str(result["text"]), dict(result))
        case Phase.SUBMIT:
            return submitted(situation, str(result["job_id"]))
        case Phase.POLL:
            return _step_done(situation, _remembered(situation, result))
        case Phase.CANCEL:
            return _cancelled(situation, result)


def _written(situation: Situation, text: str, result: dict[str, object]) -> Decision:
    effect = cast(EffectAction, situation.step.behaviour)
    request = effect.request(situation.instance.account, text, situation.draw)
    return Decision(
        task=situation.over("completed", result=result),
        instance=InstanceWrite(current_step=situation.place),
        next=situation.next(Phase.SUBMIT, situation.now, situation.payload.carried(request=request, text=text)),
    )


def _cancelled(situation: Situation, result: Mapping[str, object]) -> Decision:
    succeeded = result.get("job_status") == "succeeded"
    job_result = cast(Mapping[str, object], result.get("job_result") or {})
    remembered = _remembered(situation, job_result) if succeeded else None
    if is_stop(situation):
        return Decision(
            task=situation.over("completed", result=remembered),
            instance=InstanceWrite(
                current_step=situation.place,
                context=remember(situation.instance.context, situation.step.id, remembered) if remembered is not None else None,
                status="stopped",
            ),
            history=(situation.entry("completed" if succeeded else "cancelled", result=remembered),),
        )
    if remembered is not None:
        return _step_done(situation, remembered)
    return failed(
        situation,
        f"step_timeout: not finished within {situation.step.timeout}; its job was cancelled",
        to="completed",
        payload=situation.payload.carried(job_id=None, key=None),  # nothing is left to ask after
    )


def _remembered(situation: Situation, job_result: Mapping[str, object]) -> dict[str, object]:
    request = situation.payload.request
    assert request is not None, "a poll or cancel task without the request it follows"
    return cast(EffectAction, situation.step.behaviour).result(request, job_result)


def _step_done(situation: Situation, result: dict[str, object]) -> Decision:
    arrival = walk(situation.definition, situation.instance, situation.place + 1, situation.now, situation.draw)
    return arrival.decision(
        situation.over("completed", result=result),
        history=(situation.entry("completed", result=result),),
        context=remember(situation.instance.context, situation.step.id, result),
    )


def _waiting(decision: Decision) -> Decision:
    """Nobody is running anything here: what comes next is queued, never born running."""
    return replace(decision, next=replace(decision.next, run=False)) if decision.next and decision.next.run else decision
