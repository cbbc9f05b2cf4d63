"""A task that cannot be planned does not prevent another from being reclaimed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from flamebot.actions.registry import REGISTRY
from flamebot.domain.backoff import EnginePolicy
from flamebot.domain.begun import Begun
from flamebot.domain.committed import CommitItem, Committed
from flamebot.domain.errors import NotFound
from flamebot.domain.ids import DefinitionId
from flamebot.domain.message import TaskPointer
from flamebot.domain.plan_context import GIVE_UP_AFTER
from flamebot.domain.service_call import CallCount
from flamebot.domain.task import Phase
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.ticking.reclaim import Reclaim
from flamebot.services.time_budget import TimeBudget
from tests.unit.services.stand_ins import INSTANCE, HandClock, ListTelemetry, begun, pointer, task

MINUTE = timedelta(minutes=1)
POLICY = EnginePolicy(max_attempts=3, max_reclaims=5, retry_base=MINUTE, retry_cap=MINUTE)


class ExpiredStore:
    """Has tasks to reclaim and one definition."""

    def __init__(self, expired: list[Begun]) -> None:
        self._expired = expired
        self.committed: list[CommitItem] = []

    def definition_document(self, definition_id: DefinitionId) -> dict[str, Any]:
        if definition_id != 1:
            raise NotFound
        step = {"id": "swipe", "action": "swipe_with_spectre", "swipeCount": 5}
        return {
            "id": 1,
            "type": "flow",
            "version": 1,
            "name": "flow",
            "description": "",
            "config": {},
            "steps": [step],
        }

    def reclaim_expired(self, limit: int, delivery_id: str) -> list[Begun]:
        taken, self._expired = self._expired[:limit], self._expired[limit:]
        return taken

    def commit_tasks(
        self, items: Sequence[CommitItem], calls: Sequence[CallCount] = ()
    ) -> list[Committed]:
        assert not calls
        self.committed += items
        return [
            Committed(
                task_id=i.task_id,
                accepted=True,
                instance_status="active",
                send=pointer(9, alone=True),
            )
            for i in items
        ]


def expired(sequence: int, *, definition_id: int = 1) -> Begun:
    """Return a submit whose invocation died."""
    found = begun(
        task(
            Phase.SUBMIT,
            task_id=f"{INSTANCE}:{sequence}",
            sequence=sequence,
            reclaims=1,
            reclaim_reason="lease_expired",
        )
    )
    return replace(
        found, instance=replace(found.instance, definition_id=DefinitionId(definition_id))
    )


def reclaim(
    store: ExpiredStore, remaining: float = 30
) -> tuple[int, list[TaskPointer], ListTelemetry]:
    """Reclaim; return the count, the sent pointers and the telemetry."""
    sent: list[TaskPointer] = []
    telemetry = ListTelemetry()
    service = Reclaim(
        store=store,  # type: ignore[arg-type]  # as much of it as is called
        catalog=DefinitionCatalog(store, REGISTRY, POLICY),
        clock=HandClock(),
        telemetry=telemetry,
        send=sent.extend,
        give_up_after=GIVE_UP_AFTER,
    )
    return service.run("n", TimeBudget(lambda: remaining)), sent, telemetry


def test_what_cannot_be_planned_keeps_no_other() -> None:
    """A task whose definition is missing is logged, left to its new lease and reclaimed again."""
    store = ExpiredStore([expired(1), expired(2, definition_id=99), expired(3)])
    taken, sent, telemetry = reclaim(store)
    assert taken == 3
    assert [item.task_id for item in store.committed] == [f"{INSTANCE}:1", f"{INSTANCE}:3"]
    assert len(sent) == 2
    assert telemetry.events().count("not_planned") == 1


def test_a_lost_submit_is_of_unknown_outcome() -> None:
    """The same row is due again at once, because the service may know its key."""
    store = ExpiredStore([expired(1)])
    reclaim(store)
    (item,) = store.committed
    assert item.decision.task is not None
    assert (item.decision.task.to, item.decision.task.outcome_unknown) == ("pending", True)


def test_all_are_reclaimed_chunk_by_chunk() -> None:
    """After a crash of many processes all tasks are reclaimed in chunks."""
    assert reclaim(ExpiredStore([expired(number) for number in range(1, 251)]))[0] == 250


def test_time_bounds_it() -> None:
    """Without time left nothing is reclaimed; the next tick continues."""
    assert reclaim(ExpiredStore([expired(1)]), remaining=0)[0] == 0
