"""One task: executed and planned on a worker thread, concluded after its commit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from flamebot.domain.action import TextBrief
from flamebot.domain.begun import Begun
from flamebot.domain.committed import CommitItem, Committed
from flamebot.domain.decision import Decision
from flamebot.domain.errors import StoreUnavailable
from flamebot.domain.outcome import Defer, Done
from flamebot.domain.plan import plan
from flamebot.domain.service_call import ServiceCall
from flamebot.domain.step import PureStep
from flamebot.domain.successor import successor
from flamebot.domain.task import Phase
from flamebot.domain.task_random import TaskRandom
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import EngineStore
from flamebot.ports.locks import Verdict
from flamebot.ports.telemetry import Telemetry
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.schedule_time import ScheduleTime
from flamebot.services.step_metrics import count_steps
from flamebot.services.stepping.account_lock import AccountLock
from flamebot.services.stepping.phases.run import Executed, ExecutePhase
from flamebot.services.time_budget import TimeBudget


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """A task that was executed, and the decision that is to be committed for it."""

    begun: Begun
    executed: Executed
    decision: Decision

    @property
    def call(self) -> ServiceCall | None:
        """How the service that the phase called was seen to be."""
        return self.executed.call

    @property
    def item(self) -> CommitItem:
        """The item that is committed for the task."""
        task = self.begun.task
        return CommitItem(task_id=task.task_id, fence=task.fence, decision=self.decision)


class Executor:
    """Executes the tasks of one invocation.

    `execute_and_plan` runs on worker threads, several at once; `after_commit` on the loop's.
    """

    def __init__(
        self,
        *,
        store: EngineStore,
        phases: ExecutePhase,
        catalog: DefinitionCatalog,
        clock: Clock,
        time: ScheduleTime,
        telemetry: Telemetry,
        budget: TimeBudget,
        give_up_after: timedelta,
    ) -> None:
        """Take what the invocation's tasks share."""
        self._give_up_after = give_up_after
        self._store = store
        self._phases = phases
        self._catalog = catalog
        self._clock = clock
        self._time = time
        self._telemetry = telemetry
        self._budget = budget

    def execute_and_plan(self, begun: Begun, lock: AccountLock, deferral: Defer | None) -> Planned:
        """Execute a running task's phase and decide what follows.

        Args:
            begun: The task.
            lock: The delivery's claim to the account's lock, renewed here for a successor.
            deferral: The outcome if the task must not be executed; for how long a step may be
                deferred is for the planner to say.
        """
        task, instance = begun.task, begun.instance
        definition = self._catalog.get(instance.definition_id)

        def brief() -> TextBrief | None:
            step = definition.steps[definition.step_index(task.step_id)]
            if isinstance(step, PureStep):
                return None
            # Seeded by the attempt: a writer that always returns the same text for the same seed
            # would repeat a text that was rejected.
            seed = f"{task.task_id}/{task.attempts}"
            wanted = step.behaviour.text_brief(instance.account, seed)
            # guard: issues-reach-the-writer
            return wanted and replace(wanted, issues=task.payload.text_issues or ())

        # No transaction is open during the call, which may take `call_timeout`.
        executed = (
            Executed(outcome=deferral)
            if deferral  # guard: deferred-is-not-executed
            else self._phases.run(begun, brief, self._budget)
        )
        decision = plan(
            definition,
            instance,
            task,
            executed.outcome,
            self._time.now(),
            # Seeded by the task: a repetition after a lost commit plans the same numbers.
            TaskRandom(task.task_id),
            global_paused_ms=begun.global_paused_ms,
            service_record=begun.service_record,
            late_ms=begun.late_ms,
            give_up_after=self._give_up_after,
        )
        return Planned(begun, executed, self._bounded(decision, begun, lock))

    def _bounded(self, decision: Decision, begun: Begun, lock: AccountLock) -> Decision:
        """Let the next task run here only if there is time, and the lock if it writes.

        The lock comes before the commit: a task that is created as running but cannot be run here
        would wait for its lease.
        """
        follower = decision.next
        if follower is None or not follower.run:
            return decision
        if self._budget.may_begin and (  # guard: successor-needs-time, successor-needs-the-lock
            not follower.phase.writes
            or lock.acquire(begun.task.sequence + 1, 0).verdict is Verdict.ACQUIRED
        ):
            return decision
        return replace(decision, next=replace(follower, run=False))

    def after_commit(self, planned: Planned, committed: Committed | None) -> Begun | None:
        """Report what a commit did, and return the successor if it runs in this invocation.

        Args:
            planned: What was committed.
            committed: The result; None if it is not known whether it was committed.
        """
        self._report(planned, committed)
        if committed is None:
            return None
        # A statement of its own: within the commit it would lock the account after its tasks,
        # against the lock order (accounts, instances, tasks).
        if committed.accepted:  # guard: account-status-is-stored
            self._store_account_status(planned)
        return successor(planned.begun, planned.decision, committed, wall=self._clock.wall())

    def _store_account_status(self, planned: Planned) -> None:
        """Store the account's status at the actions service if it has changed.

        A submit that was accepted was preceded by a response that called the account active.
        """
        begun, decision = planned.begun, planned.decision
        revived = (
            begun.account_suspended
            and begun.task.phase is Phase.SUBMIT
            and isinstance(planned.executed.outcome, Done)
        )
        if not (decision.suspend_account or revived):
            return
        try:
            self._store.set_account_status(
                begun.instance.account.account_id,
                "suspended" if decision.suspend_account else "active",
            )
        except StoreUnavailable:
            self._telemetry.warn("account_status_not_stored", instance=begun.instance.instance_id)

    def _report(self, planned: Planned, committed: Committed | None) -> None:
        task, decision = planned.begun.task, planned.decision
        error = decision.task.error if decision.task else None
        self._telemetry.info(
            "task_ran",
            instance=planned.begun.instance.instance_id,
            task=task.task_id,
            attempt=task.attempt,
            fence=task.fence,
            step=task.step_id,
            action=task.action,
            phase=task.phase.value,
            outcome=type(planned.executed.outcome).__name__.lower(),
            error=error.partition(":")[0] if error else None,
            accepted=committed.accepted if committed else None,
        )
        if committed is not None:
            count_steps(
                self._telemetry,
                action=task.action,
                outcome=planned.executed.outcome,
                decision=decision,
                committed=committed,
                rate=self._clock.rate,
            )
