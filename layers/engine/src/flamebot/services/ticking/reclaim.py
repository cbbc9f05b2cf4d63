"""Reclaim tasks whose lease expired: the planner decides what follows, and a commit writes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from flamebot.domain.begun import Begun
from flamebot.domain.committed import CommitItem, Committed
from flamebot.domain.decision import Decision
from flamebot.domain.ids import instance_of
from flamebot.domain.message import TaskPointer
from flamebot.domain.outcome import LeaseExpired
from flamebot.domain.plan import plan
from flamebot.domain.task import Task
from flamebot.domain.task_random import TaskRandom
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import EngineStore
from flamebot.ports.telemetry import Telemetry
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.step_metrics import count_steps
from flamebot.services.stepping.commit import Committer
from flamebot.services.time_budget import TimeBudget

_CHUNK = 100  # tasks per statement; each is planned in Python


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reclaimed:
    task: Task
    outcome: LeaseExpired
    decision: Decision

    @property
    def item(self) -> CommitItem:
        return CommitItem(task_id=self.task.task_id, fence=self.task.fence, decision=self.decision)


class Reclaim:
    """Reclaims what crashed. SQL holds no policy.

    Reclaimed tasks are planned and committed here.
    """

    def __init__(
        self,
        *,
        store: EngineStore,
        catalog: DefinitionCatalog,
        clock: Clock,
        telemetry: Telemetry,
        send: Callable[[Sequence[TaskPointer]], object],
        give_up_after: timedelta,
    ) -> None:
        """Take the ports; `send` is given the tasks that a commit queued."""
        self._give_up_after = give_up_after
        self._store = store
        self._catalog = catalog
        self._clock = clock
        self._telemetry = telemetry
        self._send = send

    def run(self, delivery_id: str, budget: TimeBudget) -> int:
        """Reclaim while there are expired tasks and time.

        Returns:
            How many tasks were reclaimed. One that could not be planned or committed is included:
            it has a new lease, and is reclaimed again after it.

        Raises:
            StoreUnavailable: The database is unavailable.
        """
        committer = Committer(self._store, self._clock, self._telemetry, budget=budget)
        count = 0
        while not budget.over:  # guard: reclaim-ends-in-time
            # The statement assigned new fences: an invocation that was only frozen and continues
            # now is refused at its commit (I4).
            expired = self._store.reclaim_expired(_CHUNK, delivery_id)
            count += len(expired)
            planned = [one for begun in expired if (one := self._plan(begun)) is not None]
            # One chunk is committed before the next is reclaimed. If the tick dies here, the chunk
            # has a new lease and is reclaimed again.
            commit = committer.commit([one.item for one in planned])
            self._send(commit.to_send)  # guard: reclaimed-is-sent
            for one, committed in zip(planned, commit.results, strict=True):
                self._report(one, committed)
            if len(expired) < _CHUNK:
                break
        return count

    def _plan(self, begun: Begun) -> _Reclaimed | None:
        task = begun.task
        outcome = LeaseExpired(error=task.reclaim_reason or "lease_expired")
        try:
            definition = self._catalog.get(begun.instance.definition_id)
            decision = plan(
                definition,
                begun.instance,
                task,
                outcome,
                begun.now,
                TaskRandom(task.task_id),
                global_paused_ms=begun.global_paused_ms,
                give_up_after=self._give_up_after,
            )
        # A definition that a deploy made unreadable, for example. The task is reclaimed again.
        except Exception as error:  # noqa: BLE001  # guard: unplannable-keeps-no-other
            self._telemetry.warn(
                "not_planned", task=task.task_id, fence=task.fence, error=type(error).__name__
            )
            return None
        return _Reclaimed(task=task, outcome=outcome, decision=decision)

    def _report(self, one: _Reclaimed, committed: Committed | None) -> None:
        task = one.task
        self._telemetry.warn(
            "reclaimed",
            instance=instance_of(task.task_id),
            task=task.task_id,
            attempt=task.attempt,
            fence=task.fence,
            reclaims=task.reclaims,
            reason=one.outcome.error,
            accepted=committed.accepted if committed else None,
        )
        if committed is not None:
            count_steps(
                self._telemetry,
                action=task.action,
                outcome=one.outcome,
                decision=one.decision,
                committed=committed,
                rate=self._clock.rate,
            )
