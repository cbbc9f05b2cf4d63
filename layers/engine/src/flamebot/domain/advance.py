"""The way from one step's end to the next task: through pure steps in memory, which then stand in the history."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from flamebot.domain.action import EffectAction, PureAction
from flamebot.domain.decision import Decision, HistoryEntry, InstanceWrite, NextTask, TaskWrite
from flamebot.domain.definition import Definition
from flamebot.domain.duration import later
from flamebot.domain.instance import AccountData, Instance
from flamebot.domain.step import Step
from flamebot.domain.task import Payload, Phase
from flamebot.domain.task_random import TaskRandom


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvanceResult:
    """Where a walk ended: at a task to be run, at a failure, or (neither) at the workflow's end."""

    place: int
    next: NextTask | None = None
    failure: str | None = None
    iterations: dict[str, int] | None = None  # None: unchanged
    history: tuple[HistoryEntry, ...] = ()

    def decision(
        self,
        task: TaskWrite | None,
        *,
        history: tuple[HistoryEntry, ...] = (),
        context: dict[str, object] | None = None,
    ) -> Decision:
        """Write down the arrival, after what became of the task that led here."""
        return Decision(
            task=task,
            instance=InstanceWrite(
                current_step=self.place,
                context=context,
                iterations=self.iterations,
                status="failed" if self.failure else None if self.next else "completed",
                last_error=self.failure,
            ),
            history=(*history, *self.history),
            next=self.next,
        )


@dataclass(slots=True, kw_only=True)
class _Advance:
    definition: Definition
    account: AccountData
    now: datetime
    draw: TaskRandom
    place: int
    iterations: dict[str, int]
    jumped: bool = False
    carried: timedelta = field(
        default_factory=timedelta
    )  # delays of jumps, waited for before the next task
    history: list[HistoryEntry] = field(default_factory=list)

    def arrival(
        self, *, next_task: NextTask | None = None, failure: str | None = None
    ) -> AdvanceResult:
        iterations = self.iterations if self.jumped else None
        return AdvanceResult(
            place=self.place,
            next=next_task,
            failure=failure,
            iterations=iterations,
            history=tuple(self.history),
        )

    def arrive(self, waited_since: datetime | None) -> AdvanceResult:
        # A published definition has no loop without a task in it, so no step is passed twice. This bound is for one that has.
        for _ in range(self.definition.total_steps + 1):
            if self.place >= self.definition.total_steps:
                return self.arrival()
            step = self.definition.steps[self.place]
            if not step.pure:
                return self.arrival(
                    next_task=first_task(step, self.account, self._due(step), self.now, self.draw)
                )
            behaviour = cast(PureAction, step.behaviour)
            targets, _ = behaviour.targets()
            if (
                waited_since is None and not targets
            ):  # a jump's delay lies between it and its target: it is waited for there
                due = self._due(step)
                if due > self.now:
                    return self.arrival(next_task=wake_up(step, due, self.now))
            failure = self._pass(step, behaviour, began=waited_since or self.now)
            if failure is not None:
                return self.arrival(failure=failure)
            waited_since = None
        return self.arrival(
            failure=f"spinning: step {self.definition.steps[self.place].id} was reached again and again without a pause"
        )

    def _due(self, step: Step) -> datetime:
        return later(self.now, self.carried + step.delay.draw(self.draw, "delay", step.id))

    def _pass(self, step: Step, behaviour: PureAction, *, began: datetime) -> str | None:
        transition = behaviour.transition(step.id, self.iterations)
        if transition.iterations is not None:
            self.iterations, self.jumped = dict(transition.iterations), True
        self.history.append(
            HistoryEntry(
                step_id=step.id,
                action=step.action,
                status="failed" if transition.failure else "completed",
                attempt=1,
                started_at=min(began, self.now),
                finished_at=self.now,
                result=transition.result,
                error=transition.failure,
            )
        )
        if transition.failure and step.critical:
            return transition.failure
        if transition.to is None or transition.failure:
            self.place += 1
        else:
            self.carried += step.delay.draw(self.draw, "delay", step.id)
            self.place = self.definition.place(transition.to)
        return None


def advance(
    definition: Definition,
    instance: Instance,
    place: int,
    now: datetime,
    draw: TaskRandom,
    *,
    waited_since: datetime | None = None,
) -> AdvanceResult:
    """Walk from `place` to where a task is needed.

    `waited_since`: the delay of the step at `place` is over, and it began then.
    """
    state = _Advance(
        definition=definition,
        account=instance.account,
        now=now,
        draw=draw,
        place=place,
        iterations=dict(instance.iterations),
    )
    return state.arrive(waited_since)


def first_task(
    step: Step,
    account: AccountData,
    due: datetime,
    now: datetime,
    draw: TaskRandom,
    *,
    text: str | None = None,
) -> NextTask:
    """The first phase of an effect: have a text written, or, if none is needed or it is there already, submit."""
    effect = cast(EffectAction, step.behaviour)
    if text is None and effect.text_brief(account, draw.seed) is not None:
        phase, payload = Phase.GENERATE, Payload()
    else:
        phase, payload = (
            Phase.SUBMIT,
            Payload(request=effect.request(account, text, draw), text=text),
        )
    return NextTask(
        step_id=step.id, action=step.action, phase=phase, at=due, payload=payload, run=due <= now
    )


def wake_up(step: Step, due: datetime, now: datetime) -> NextTask:
    """The bare wake-up at the end of a pure step's delay; its clock runs from the beginning of the wait."""
    return NextTask(
        step_id=step.id,
        action=step.action,
        phase=Phase.TIMER,
        at=due,
        payload=Payload(started_at=now),
    )
