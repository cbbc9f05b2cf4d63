"""Run a begun task, commit what came of it, and go on with the next one while it is due at once."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from flamebot.domain.action import EffectAction, TextBrief
from flamebot.domain.decision import Decision
from flamebot.domain.draw import Draw
from flamebot.domain.errors import StoreUnavailable
from flamebot.domain.instance import Instance
from flamebot.domain.outcome import Defer, Done, Outcome
from flamebot.domain.plan import plan
from flamebot.domain.task import Phase, Task
from flamebot.ports.clock import Clock
from flamebot.ports.locks import Verdict
from flamebot.ports.store import Begun, CommitItem, Committed, TaskStore
from flamebot.ports.telemetry import Telemetry
from flamebot.services.account_lock import AccountLock
from flamebot.services.commit_group import CommitGroup
from flamebot.services.count_steps import attempt_of, count_steps
from flamebot.services.definitions import DefinitionCatalog
from flamebot.services.engine_time import EngineTime
from flamebot.services.execute_phase import Executed, ExecutePhase
from flamebot.services.invocation import Invocation


class RunChain:
    """Runs chains on the threads of one invocation."""

    def __init__(
        self,
        *,
        store: TaskStore,
        phases: ExecutePhase,
        catalog: DefinitionCatalog,
        group: CommitGroup,
        clock: Clock,
        time: EngineTime,
        telemetry: Telemetry,
        invocation: Invocation,
    ) -> None:
        """Take what the invocation's threads share."""
        self._store = store
        self._phases = phases
        self._catalog = catalog
        self._group = group
        self._clock = clock
        self._time = time
        self._telemetry = telemetry
        self._invocation = invocation

    def expect(self) -> None:
        """A chain is about to run: who commits meanwhile waits for its decision, unless it waits for the outside itself."""
        self._group.expect()

    def run(self, begun: Begun, lock: AccountLock, put_off: Defer | None = None) -> None:
        """Run a begun task and what follows at once. The lock is given back only when the ends of all calls and commits are known.

        It was expected before. `put_off`: the first task is not executed, this is its outcome.
        """
        settled = True
        here: Begun | None = begun
        try:
            while here is not None:
                task, instance = _parts(here)
                ended, known, here = self._one(here, task, instance, lock, put_off)
                settled, put_off = settled and ended and known, None
        finally:
            self._group.leave()
        if settled:
            lock.give_back()

    def _one(
        self, begun: Begun, task: Task, instance: Instance, lock: AccountLock, put_off: Defer | None
    ) -> tuple[bool, bool, Begun | None]:
        """Execute, decide, commit: whether the calls ended, whether the commit's end is known, and what to go on with."""
        definition = self._catalog.get(instance.workflow_id)

        def brief() -> TextBrief | None:
            step = definition.steps[definition.place(task.step_id)]
            # Seeded by the attempt: a writer that always writes the same would write what was refused once more.
            return None if step.pure else cast(EffectAction, step.behaviour).text_brief(instance.account, f"{task.task_id}/{task.attempts}")

        if put_off:
            executed = Executed(outcome=put_off)
        else:
            with self._group.outside():
                executed = self._phases.run(begun, task, brief, self._invocation)
        decision = plan(
            definition,
            instance,
            task,
            executed.outcome,
            self._time.now(),
            Draw(task.task_id),
            global_paused_ms=begun.global_paused_ms,
        )
        decision = self._bounded(decision, task, lock)
        committed = self._group.commit(CommitItem(task_id=task.task_id, fence=task.fence, decision=decision))
        self._tell(task, instance, executed.outcome, decision, committed)
        if committed is None:
            return executed.ended, False, None
        if committed.accepted:
            self._remember_status(begun, task, instance, executed.outcome, decision)
        return executed.ended, True, self._successor(begun, task, instance, decision, committed)

    def _bounded(self, decision: Decision, task: Task, lock: AccountLock) -> Decision:
        """Ask for the next task at once only if there is time for it and, should it write, the account's lock is ours."""
        follower = decision.next
        if follower is None or not follower.run:
            return decision
        if self._invocation.may_begin and (not follower.phase.writes or self._renewed(lock, task.sequence + 1)):
            return decision
        return replace(decision, next=replace(follower, run=False))

    def _renewed(self, lock: AccountLock, sequence: int) -> bool:
        with self._group.outside():
            return lock.take(sequence, 0).verdict is Verdict.ACQUIRED

    def _successor(self, begun: Begun, task: Task, instance: Instance, decision: Decision, committed: Committed) -> Begun | None:
        """The next task as begin would return it, if the commit says that it runs and is ours."""
        follower = decision.next
        if follower is None or not follower.run or not committed.accepted or committed.next_status != "running":
            return None
        if committed.next_task_id is None or committed.next_fence is None:
            return None
        written = decision.instance
        return replace(
            begun,
            task_id=committed.next_task_id,
            now=follower.at,
            task=Task(
                task_id=committed.next_task_id,
                sequence=task.sequence + 1,
                step_id=follower.step_id,
                action=follower.action,
                phase=follower.phase,
                scheduled_for=follower.at,
                attempts=follower.attempts,
                reaps=0,
                sends=0,
                fence=committed.next_fence,
                payload=follower.payload,
                outcome_unknown=False,
                first_begun_at=self._clock.wall(),
            ),
            instance=replace(
                instance,
                current_step=written.current_step,
                context=written.context if written.context is not None else instance.context,
                iterations=written.iterations if written.iterations is not None else instance.iterations,
                revision=instance.revision + 1,
            ),
        )

    def _remember_status(self, begun: Begun, task: Task, instance: Instance, outcome: Outcome, decision: Decision) -> None:
        """What the service said of the account, if it is news: an accepted submit was preceded by its calling the account active."""
        revived = begun.account_suspended and task.phase is Phase.SUBMIT and isinstance(outcome, Done)
        if not (decision.suspend_account or revived):
            return
        try:
            self._store.set_account_status(instance.account.account_id, "suspended" if decision.suspend_account else "active")
        except StoreUnavailable:
            self._telemetry.warn("account_status_not_stored", instance=instance.instance_id)

    def _tell(self, task: Task, instance: Instance, outcome: Outcome, decision: Decision, committed: Committed | None) -> None:
        error = decision.task.error if decision.task else None
        self._telemetry.info(
            "task_ran",
            instance=instance.instance_id,
            task=task.task_id,
            attempt=attempt_of(task),
            fence=task.fence,
            step=task.step_id,
            action=task.action,
            phase=task.phase.value,
            outcome=type(outcome).__name__.lower(),
            error=error.partition(":")[0] if error else None,
            accepted=committed.accepted if committed else None,
        )
        if committed is not None:
            count_steps(self._telemetry, action=task.action, outcome=outcome, decision=decision, committed=committed, rate=self._clock.rate)


def _parts(begun: Begun) -> tuple[Task, Instance]:
    if begun.task is None or begun.instance is None:
        raise AssertionError("what was begun has its task and its instance")
    return begun.task, begun.instance
