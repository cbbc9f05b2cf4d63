"""Reclaim tasks whose runner is gone: the planner says what becomes of them, a commit writes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flamebot.domain.decision import Decision
from flamebot.domain.message import TaskPointer
from flamebot.domain.outcome import LeaseExpired
from flamebot.domain.plan import plan
from flamebot.domain.task import Task
from flamebot.domain.task_random import TaskRandom
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import Begun, CommitItem, Committed, EngineStore
from flamebot.ports.telemetry import Telemetry
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.step_metrics import attempt_of, count_steps
from flamebot.services.stepping.commit_group import CommitGroup

_CHUNK = 100  # each is planned in Python


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loss:
    task: Task
    outcome: LeaseExpired
    decision: Decision


class Reclaim:
    """The tick's hand for what crashed: no policy in SQL, one way to commit."""

    def __init__(
        self,
        *,
        store: EngineStore,
        catalog: DefinitionCatalog,
        clock: Clock,
        telemetry: Telemetry,
        send: Callable[[Sequence[TaskPointer]], object],
    ) -> None:
        """Take the ports; what a commit queues is given to `send`."""
        self._store = store
        self._catalog = catalog
        self._clock = clock
        self._telemetry = telemetry
        self._send = send

    def run(self, delivery_id: str, remaining: Callable[[], float]) -> int:
        """Reclaim all there are while time lasts; answer how many. Raises `StoreUnavailable`."""
        group = CommitGroup(
            self._store,
            self._clock,
            self._telemetry,
            committed=self._send_queued,
            remaining=remaining,
        )
        taken = 0
        while remaining() > 0:
            expired = self._store.reclaim_expired(_CHUNK, delivery_id)
            taken += len(expired)
            losses = [loss for begun in expired if (loss := self._planned(begun)) is not None]
            items = [
                CommitItem(task_id=loss.task.task_id, fence=loss.task.fence, decision=loss.decision)
                for loss in losses
            ]
            for loss, committed in zip(losses, group.commit(items), strict=True):
                self._tell(loss, committed)
            if len(expired) < _CHUNK:
                break
        return taken

    def _planned(self, begun: Begun) -> _Loss | None:
        task, instance = begun.task, begun.instance
        if task is None or instance is None:
            raise AssertionError("what was reclaimed has its task and its instance")
        outcome = LeaseExpired(error=task.lost or "lease_expired")
        try:
            definition = self._catalog.get(instance.definition_id)
            decision = plan(
                definition,
                instance,
                task,
                outcome,
                begun.now,
                TaskRandom(task.task_id),
                global_paused_ms=begun.global_paused_ms,
            )
        except Exception as error:  # noqa: BLE001  # what cannot be planned must not keep the others; it is reclaimed again
            self._telemetry.warn(
                "not_planned", task=task.task_id, fence=task.fence, error=type(error).__name__
            )
            return None
        return _Loss(task=task, outcome=outcome, decision=decision)

    def _tell(self, loss: _Loss, committed: Committed | None) -> None:
        task = loss.task
        self._telemetry.warn(
            "reclaimed",
            instance=task.task_id.rpartition(":")[0],
            task=task.task_id,
            attempt=attempt_of(task),
            fence=task.fence,
            reclaims=task.reclaims,
            reason=loss.outcome.error,
            accepted=committed.accepted if committed else None,
        )
        if committed is not None:
            count_steps(
                self._telemetry,
                action=task.action,
                outcome=loss.outcome,
                decision=loss.decision,
                committed=committed,
                rate=self._clock.rate,
            )

    def _send_queued(self, answers: Sequence[Committed]) -> None:
        self._send([answer.send for answer in answers if answer.send is not None])
