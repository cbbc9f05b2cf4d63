"""Run a begun task, decide what comes of it, and go on with the next one while it is due at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flamebot.domain.action import TextBrief
from flamebot.domain.decision import Decision
from flamebot.domain.errors import StoreUnavailable
from flamebot.domain.instance import Instance
from flamebot.domain.outcome import Defer, Done, Outcome
from flamebot.domain.plan import plan
from flamebot.domain.step import PureStep
from flamebot.domain.task import Phase, Task
from flamebot.domain.task_random import TaskRandom
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import Begun, CommitItem, Committed, EngineStore
from flamebot.ports.locks import Verdict
from flamebot.ports.telemetry import Telemetry
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.schedule_time import ScheduleTime
from flamebot.services.step_metrics import attempt_of, count_steps
from flamebot.services.stepping.account_lock import AccountLock
from flamebot.services.stepping.phases.run import Executed, ExecutePhase
from flamebot.services.time_budget import Invocation


@dataclass(slots=True, eq=False)
class Chain:
    """A task that was begun, later what follows it at once, all under one claim to the account's lock.

    `settled`: the ends of all calls and commits so far are known, so the lock may be given back.
    """

    begun: Begun
    lock: AccountLock
    put_off: Defer | None = None  # the first task is not executed: this is its outcome
    settled: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """What came of a chain's task, and what is to be made of it."""

    task: Task
    instance: Instance
    executed: Executed
    decision: Decision

    @property
    def item(self) -> CommitItem:
        """What to commit."""
        return CommitItem(task_id=self.task.task_id, fence=self.task.fence, decision=self.decision)


class RunChain:
    """Takes chains from task to task. What waits for the outside is in `decide`, what follows a commit in `conclude`."""

    def __init__(
        self,
        *,
        store: EngineStore,
        phases: ExecutePhase,
        catalog: DefinitionCatalog,
        clock: Clock,
        time: ScheduleTime,
        telemetry: Telemetry,
        invocation: Invocation,
    ) -> None:
        """Take what the invocation's chains share."""
        self._store = store
        self._phases = phases
        self._catalog = catalog
        self._clock = clock
        self._time = time
        self._telemetry = telemetry
        self._invocation = invocation

    def decide(self, chain: Chain) -> Decided:
        """Execute the chain's task, then plan. Any thread may do it."""
        begun = chain.begun
        task, instance = _parts(begun)
        definition = self._catalog.get(instance.definition_id)

        def brief() -> TextBrief | None:
            step = definition.steps[definition.step_index(task.step_id)]
            # Seeded by the attempt: a writer that always writes the same would write what was refused once more.
            return (
                None
                if isinstance(step, PureStep)
                else step.behaviour.text_brief(instance.account, f"{task.task_id}/{task.attempts}")
            )

        executed = (
            Executed(outcome=chain.put_off)
            if chain.put_off
            else self._phases.run(begun, task, brief, self._invocation)
        )
        decision = plan(
            definition,
            instance,
            task,
            executed.outcome,
            self._time.now(),
            TaskRandom(task.task_id),
            global_paused_ms=begun.global_paused_ms,
        )
        return Decided(task, instance, executed, self._bounded(decision, task, chain.lock))

    def conclude(self, chain: Chain, decided: Decided, committed: Committed | None) -> bool:
        """Tell what the commit did, and answer whether the chain goes on. `committed` is None if the commit's end is not known."""
        begun, task, instance, outcome = (
            chain.begun,
            decided.task,
            decided.instance,
            decided.executed.outcome,
        )
        chain.settled = chain.settled and decided.executed.ended and committed is not None
        chain.put_off = None
        self._tell(task, instance, outcome, decided.decision, committed)
        if committed is None:
            return False
        if committed.accepted:
            self._remember_status(begun, task, instance, outcome, decided.decision)
        follower = self._successor(begun, task, instance, decided.decision, committed)
        if follower is not None:
            chain.begun = follower
        return follower is not None

    def _bounded(self, decision: Decision, task: Task, lock: AccountLock) -> Decision:
        """Ask for the next task at once only if there is time for it and, should it write, the account's lock is ours."""
        follower = decision.next
        if follower is None or not follower.run:
            return decision
        if self._invocation.may_begin and (
            not follower.phase.writes or lock.take(task.sequence + 1, 0).verdict is Verdict.ACQUIRED
        ):
            return decision
        return replace(decision, next=replace(follower, run=False))

    def _successor(
        self, begun: Begun, task: Task, instance: Instance, decision: Decision, committed: Committed
    ) -> Begun | None:
        """The next task as begin would return it, if the commit says that it runs and is ours."""
        follower = decision.next
        if (
            follower is None
            or not follower.run
            or not committed.accepted
            or committed.next_status != "running"
        ):
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
                reclaims=0,
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
                iterations=written.iterations
                if written.iterations is not None
                else instance.iterations,
                revision=instance.revision + 1,
            ),
        )

    def _remember_status(
        self, begun: Begun, task: Task, instance: Instance, outcome: Outcome, decision: Decision
    ) -> None:
        """What the service said of the account, if it is news: an accepted submit was preceded by its calling the account active."""
        revived = (
            begun.account_suspended and task.phase is Phase.SUBMIT and isinstance(outcome, Done)
        )
        if not (decision.suspend_account or revived):
            return
        try:
            self._store.set_account_status(
                instance.account.account_id, "suspended" if decision.suspend_account else "active"
            )
        except StoreUnavailable:
            self._telemetry.warn("account_status_not_stored", instance=instance.instance_id)

    def _tell(
        self,
        task: Task,
        instance: Instance,
        outcome: Outcome,
        decision: Decision,
        committed: Committed | None,
    ) -> None:
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
            count_steps(
                self._telemetry,
                action=task.action,
                outcome=outcome,
                decision=decision,
                committed=committed,
                rate=self._clock.rate,
            )


def _parts(begun: Begun) -> tuple[Task, Instance]:
    if begun.task is None or begun.instance is None:
        raise AssertionError("what was begun has its task and its instance")
    return begun.task, begun.instance
