"""Another caller writes between the read and the write of a request.

The services plan again from what they then read, and respond with the result of the other caller.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flamebot.adapters.kms.vault import KmsVault
from flamebot.adapters.postgres.admin_store import PostgresAdminStore
from flamebot.ports.admin_store import IdempotencyRecord, InstanceSnapshot
from flamebot.ports.vault import Vault
from flamebot.services.imports.from_request import ImportAccounts, ImportCommand
from flamebot.services.ticking.dispatch import DispatchDue
from flamebot.services.workflows.control import ControlWorkflow
from tests.integration.services.engine import HORIZON, LEASE, TESTER, Engine


class Overtaken(PostgresAdminStore):
    """A store in which another caller writes once, right after a read."""

    def __init__(self, engine: Engine, by: Callable[[], object]) -> None:
        super().__init__(engine.database.db, engine.clock, horizon=HORIZON, lease=LEASE)
        self._by: list[Callable[[], object]] = [by]

    def instance_snapshot(self, instance_id: str) -> InstanceSnapshot:
        found = super().instance_snapshot(instance_id)
        self._overtake()
        return found

    def find_import(self, principal: str, key: str) -> IdempotencyRecord | None:
        found = super().find_import(principal, key)
        self._overtake()
        return found

    def _overtake(self) -> None:
        while self._by:
            self._by.pop()()


def control(engine: Engine, store: PostgresAdminStore) -> ControlWorkflow:
    """The control of workflows, on a store."""
    tick = DispatchDue(
        store=engine.tick_store(),
        queue=engine.queue,
        catalog=engine.catalog(),
        clock=engine.clock,
        telemetry=engine.telemetry,
    )
    return ControlWorkflow(
        store=store,
        catalog=engine.catalog(),
        queue=engine.queue,
        dispatcher=tick,
        clock=engine.clock,
        telemetry=engine.telemetry,
    )


def test_a_plan_that_is_void_is_made_anew(engine: Engine) -> None:
    """After a pause and a resume between its read and its write, run-now reads again and works."""
    engine.define({"id": "rest", "action": "wait", "delay": "1h"})
    instance = engine.start()

    def other() -> None:
        engine.control.pause_workflow(instance, TESTER)
        engine.control.resume_workflow(instance, "freeze", TESTER)

    answer = control(engine, Overtaken(engine, other)).run_now(instance, TESTER)
    assert answer["revision"] == 3
    assert len(engine.queue.take()) == 1


def test_the_end_of_the_global_pause_sends_at_once(engine: Engine) -> None:
    """What fell due during the pause does not wait for a tick (I6)."""
    engine.define({"id": "rest", "action": "wait", "delay": "1h"})
    engine.start()
    operator = control(engine, engine.control)
    operator.pause_all(TESTER)
    engine.setter.advance(3600)
    assert engine.queue.take() == []
    operator.resume_all(TESTER)
    assert len(engine.queue.take()) == 1


def an_order() -> ImportCommand:
    """One account with credentials, to be started, under a key."""
    row = {"accountId": "acc", "modelId": "m", "channelId": "c", "credentials": {"password": "p"}}
    return ImportCommand(
        rows=[row],
        start=True,
        workflow_type="flow",
        spread=timedelta(),
        key="k",
        document={"accounts": [row]},
    )


def importer(
    engine: Engine, store: PostgresAdminStore, vault: Vault | None = None
) -> ImportAccounts:
    """Return the import by request on a store."""
    return ImportAccounts(
        store=store,
        vault=vault or engine.vault,
        catalog=engine.catalog(),
        queue=engine.queue,
        clock=engine.clock,
        telemetry=engine.telemetry,
    )


def test_a_twin_that_has_just_finished_is_answered(engine: Engine) -> None:
    """I9: two requests under one key at once.

    The second gets the response of the first and changes nothing.
    """
    engine.define({"id": "rest", "action": "wait", "delay": "1h"})
    first = []
    store = Overtaken(
        engine, lambda: first.append(importer(engine, engine.control).run(an_order(), TESTER))
    )
    second = importer(engine, store).run(an_order(), TESTER)
    assert second.replayed
    assert second.results == first[0].results
    assert engine.database.value("select count(*) from workflow_instances") == 1


def test_a_repetition_needs_no_key_service(engine: Engine, aws: Callable[[str], Any]) -> None:
    """I9: a repeated request gets the stored response.

    Nothing is encrypted, so the vault does not have to be available.
    """
    engine.define({"id": "rest", "action": "wait", "delay": "1h"})
    first = importer(engine, engine.control).run(an_order(), TESTER)
    gone = KmsVault(aws("kms"), "no-such-key")
    again = importer(engine, engine.control, gone).run(an_order(), TESTER)
    assert (again.replayed, again.results) == (True, first.results)
