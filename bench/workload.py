"""The workload: accounts that the actions service knows already, and workflows of three effects."""

from __future__ import annotations

import time
from typing import Any

from bench.database import Session
from bench.engine import POLICY, Engine
from flamebot.actions.registry import REGISTRY
from flamebot.domain.ids import AccountId
from flamebot.domain.instance import AccountData
from flamebot.domain.message import TaskPointer
from flamebot.ports.admin_store import FIRST_VERSION, AccountRow, Caller
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.workflows.start import start_row

BENCH = Caller(actor="bench")
THREE_EFFECTS: dict[str, Any] = {
    "type": "three_effects",
    "name": "Three effects",
    "description": "",
    "config": {},
    "steps": [
        {
            "id": "prompt",
            "action": "add_prompt",
            "text": "My ideal slow Sunday: fresh bread and a long walk.",
        },
        {
            "id": "bio",
            "action": "add_bio",
            "bio": "Early riser, slow coffee drinker and collector of small adventures.",
        },
        {"id": "swipe", "action": "swipe_with_spectre", "swipeCount": 5},
    ],
}
_CHUNK = 1000


def publish(engine: Engine, document: dict[str, Any]) -> None:
    """Publish the first version of a definition."""
    engine.control().publish_definition(document, FIRST_VERSION, BENCH)


def import_workflows(
    engine: Engine,
    document: dict[str, Any],
    count: int,
    *,
    prefix: str = "acc",
    pointers: list[TaskPointer] | None = None,
) -> float:
    """Import accounts and start a workflow for each, a thousand at a time.

    Return the seconds spent in SQL.

    `pointers` receives the pointers that the import would send.
    """
    spent = 0.0
    store = engine.control()
    definition = DefinitionCatalog(store, REGISTRY, POLICY).current(document["type"])
    for first in range(0, count, _CHUNK):
        now = store.now()
        names = [f"{prefix}-{number:08d}" for number in range(first, min(first + _CHUNK, count))]
        accounts = [
            AccountRow(
                account_id=n,
                model_id="model-1",
                channel_id="channel-1",
                config={},
                version=v,
                ciphertext=None,
            )
            for n, v in zip(names, store.reserve_credentials_versions(len(names)), strict=True)
        ]
        starts = [
            start_row(
                definition,
                AccountData(account_id=AccountId(n), model_id="model-1", channel_id="channel-1"),
                now,
            )
            for n in names
        ]
        begun = time.perf_counter()
        imported = store.import_accounts(accounts, starts, None, BENCH)
        spent += time.perf_counter() - begun
        assert all(start.status == "started" for start in imported.started)
        if pointers is not None:
            pointers += [start.send for start in imported.started if start.send]
    return spent


def register(session: Session) -> None:
    """Register every account at the actions service.

    Registration happens once per account, not per step.
    """
    session.rows(
        "update accounts set registered_version = credentials_version "
        "where registered_version is distinct from credentials_version"
    )


def backlog(
    engine: Engine, session: Session, document: dict[str, Any], count: int, *, prefix: str = "acc"
) -> None:
    """Create workflows whose first step is due and unclaimed.

    They start during a global pause that then ends.
    """
    publish(engine, document)
    engine.control().pause_all(BENCH)
    import_workflows(engine, document, count, prefix=prefix)
    register(session)
    engine.control().resume_all(BENCH)
    session.rows("checkpoint")


def completed(session: Session) -> tuple[int, int]:
    """Return how many workflows are complete, and the number of steps in their history."""
    workflows = session.value("select count(*) from workflow_instances where status = 'completed'")
    return int(workflows), int(
        session.value("select count(*) from step_history where status = 'completed'")
    )
