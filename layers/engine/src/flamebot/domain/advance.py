"""Advance an instance from the end of one step to its next task.

Pure steps between two tasks are passed in memory. Each of them gets a history entry, as if it had
been run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flamebot.domain.decision import Decision, HistoryEntry, InstanceWrite, NextTask, TaskWrite
from flamebot.domain.definition import Definition
from flamebot.domain.duration import later
from flamebot.domain.instance import AccountData, Instance
from flamebot.domain.step import EffectStep, PureStep, Step
from flamebot.domain.task import Payload, Phase
from flamebot.domain.task_random import TaskRandom


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvanceResult:
    """Where advancing ended: at a task to run, at a failure, or at the end of the workflow.

    At the end of the workflow both `next` and `failure` are None.
    """

    step_index: int
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
        """Return the decision that writes this result.

        Args:
            task: The new state of the task that was run, if there was one.
            history: The entries of that task; those of the pure steps follow.
            context: The instance's new context. None: unchanged.
        """
        return Decision(
            task=task,
            instance=InstanceWrite(
                current_step=self.step_index,
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
    random: TaskRandom
    step_index: int
    iterations: dict[str, int]
    jumped: bool = False
    # The sum of the delays of the jumps so far: a jump does not wait itself, its target does.
    carried: timedelta = field(default_factory=timedelta)
    history: list[HistoryEntry] = field(default_factory=list)

    def run(self, waited_since: datetime | None) -> AdvanceResult:
        # A published definition has no loop without a task in it, so no step is passed twice.
        # The bound is for a definition that was stored before a rule of the graph, or by hand:
        # its workflow fails, where an endless loop would stop the worker.
        for _ in range(self.definition.total_steps + 1):  # guard: bounded-advance
            if self.step_index >= self.definition.total_steps:
                return self._result()
            step = self.definition.steps[self.step_index]
            if isinstance(step, EffectStep):
                due = self._due(step)
                return self._result(
                    next_task=first_task(step, self.account, due, self.now, self.random)
                )
            targets, _ = step.behaviour.targets()
            # A wait is a task that is due at the end of its delay. A jump's delay is different: it
            # lies between the jump and its target, so it is carried and waited for there.
            if waited_since is None and not targets:
                due = self._due(step)
                if due > self.now:  # guard: wait-until-due
                    return self._result(next_task=timer_task(step, due, self.now))
            failure = self._pass(step, began=waited_since or self.now)
            if failure is not None:
                return self._result(failure=failure)
            waited_since = None
        step_id = self.definition.steps[self.step_index].id
        return self._result(
            failure=f"spinning: step {step_id} was reached again and again without a pause"
        )

    def _result(
        self, *, next_task: NextTask | None = None, failure: str | None = None
    ) -> AdvanceResult:
        return AdvanceResult(
            step_index=self.step_index,
            next=next_task,
            failure=failure,
            iterations=self.iterations if self.jumped else None,
            history=tuple(self.history),
        )

    def _due(self, step: Step) -> datetime:
        return later(self.now, self.carried + step.delay.pick(self.random, "delay", step.id))

    def _pass(self, step: PureStep, *, began: datetime) -> str | None:
        """Pass a pure step. Return the workflow's failure, if it is one."""
        transition = step.behaviour.transition(step.id, self.iterations)
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
            self.step_index += 1
        else:
            self.carried += step.delay.pick(self.random, "delay", step.id)
            self.step_index = self.definition.step_index(transition.to)
        return None


def advance(
    definition: Definition,
    instance: Instance,
    step_index: int,
    now: datetime,
    random: TaskRandom,
    *,
    waited_since: datetime | None = None,
) -> AdvanceResult:
    """Advance from a step to the next task.

    Args:
        definition: The instance's pinned definition.
        instance: The instance, as it was begun.
        step_index: The step to begin with; one past the last step is the workflow's end.
        now: Schedule time.
        random: Random numbers of the task that was run.
        waited_since: Set if the delay of the first step is over: when that wait began.
    """
    state = _Advance(
        definition=definition,
        account=instance.account,
        now=now,
        random=random,
        step_index=step_index,
        iterations=dict(instance.iterations),
    )
    return state.run(waited_since)


def first_task(
    step: EffectStep,
    account: AccountData,
    due: datetime,
    now: datetime,
    random: TaskRandom,
    *,
    text: str | None = None,
) -> NextTask:
    """Return the task of an effect's first phase: generate if it needs a text, else submit.

    Args:
        step: The step to begin.
        account: The account to act on.
        due: When the task is due, schedule time.
        now: Schedule time; a task that is due already is to be run at once.
        random: Random numbers of the task that was run.
        text: A text that was generated before and is used again. None: there is none.
    """
    effect = step.behaviour
    if text is None and effect.text_brief(account, random.seed) is not None:
        phase, payload = Phase.GENERATE, Payload()
    else:
        # The request is complete before the task is stored: every attempt under the task's key
        # sends the same bytes, whatever code or random numbers a later attempt would have.
        request = effect.request(account, text, random)
        phase = Phase.SUBMIT
        payload = Payload(request=request, text=text)  # guard: pinned-request
    return NextTask(
        step_id=step.id, action=step.action, phase=phase, at=due, payload=payload, run=due <= now
    )


def timer_task(step: Step, due: datetime, now: datetime) -> NextTask:
    """Return the task at the end of a pure step's delay. The step's clock starts `now`."""
    return NextTask(
        step_id=step.id,
        action=step.action,
        phase=Phase.TIMER,
        at=due,
        payload=Payload(started_at=now),
    )
