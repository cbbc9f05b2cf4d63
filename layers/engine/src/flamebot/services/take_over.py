"""Take over tasks whose runner is gone: the planner says what becomes of them, a commit writes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flamebot.domain.decision import Decision
from flamebot.domain.draw import Draw
from flamebot.domain.message import TaskPointer
from flamebot.domain.outcome import Lost
from flamebot.domain.plan import plan
from flamebot.domain.task import Task
from flamebot.ports.clock import Clock
from flamebot.ports.store import Begun, CommitItem, Committed, TaskStore
from flamebot.ports.telemetry import Telemetry
from flamebot.services.commit_group import CommitGroup
from flamebot.services.count_steps import attempt_of, count_steps
from flamebot.services.definitions import DefinitionCatalog

_CHUNK = 100  # each is planned in Python


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loss:
    task: Task
    outcome: Lost
    decision: Decision


class TakeOver:
    """The tick's hand for what crashed: no policy in SQL, one way to commit."""

    def __init__(
        self,
        *,
        store: TaskStore,
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

    def run(self, nonce: str, remaining: Callable[[], float]) -> int:
        """Take over all there are while time lasts; answer how many. Raises `StoreUnavailable`."""
        group = CommitGroup(self._store, self._clock, self._telemetry, committed=self._send_queued, remaining=remaining)
        taken = 0
        while remaining() > 0:
            expired = self._store.take_over_expired(_CHUNK, nonce)
            taken += len(expired)
            losses = [loss for begun in expired if (loss := self._planned(begun)) is not None]
            items = [CommitItem(task_id=loss.task.task_id, fence=loss.task.fence, decision=loss.decision) for loss in losses]
            for loss, committed in zip(losses, group.commit(items), strict=True):
                self._tell(loss, committed)
            if len(expired) < _CHUNK:
                break
        return taken

    def _planned(self, begun: Begun) -> _Loss | None:
        task, instance = begun.task, begun.instance
        if task is None or instance is None:
            raise AssertionError("what was taken over has its task and its instance")
        outcome = Lost(error=task.lost or "lease_expired")
        try:
            definition = self._catalog.get(instance.workflow_id)
            decision = plan(definition, instance, task, outcome, begun.now, Draw(task.task_id), global_paused_ms=begun.global_paused_ms)
        except Exception as error:  # noqa: BLE001  # what cannot be planned must not keep the others; it is taken over again
            self._telemetry.warn("not_planned", task=task.task_id, fence=task.fence, error=type(error).__name__)
            return None
        return _Loss(task=task, outcome=outcome, decision=decision)

    def _tell(self, loss: _Loss, committed: Committed | None) -> None:
        task = loss.task
        self._telemetry.warn(
            "taken_over",
            instance=task.task_id.rpartition(":")[0],
            task=task.task_id,
            attempt=attempt_of(task),
            fence=task.fence,
            reaps=task.reaps,
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
