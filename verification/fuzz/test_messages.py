"""SQS bodies of any kind: unreadable ones are returned as failed, forged ones do nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.actions_service.server import ActionsService
from devstack.postgres import Server
from flamebot.adapters.kms.vault import KmsVault
from flamebot.domain.message import UnreadableMessage, decode, encode
from flamebot.domain.task import Phase
from tests.integration.services.engine import Engine, swipe
from tests.security.snapshot import everything
from tests.support.databases import DatabasePool
from verification.fuzz.documents import JSON
from verification.fuzz.effort import effort

ANYTHING = st.one_of(
    st.text(max_size=60),
    JSON.map(json.dumps),
    st.sampled_from(
        [
            "",
            "null",
            "[]",
            "{}",
            '{"v":1}',
            '{"v":2,"tasks":[]}',
            '{"v":1,"tasks":null}',
            '{"v":NaN}',
            "[" * 50_000,
            '{"v":1,"tasks":{}}',
        ]
    ),
    st.fixed_dictionaries(
        {
            "v": st.sampled_from([1, 1, 1, 2, "1", 1.0, True, None]),
            "tasks": st.lists(JSON, max_size=3) | JSON,
        }
    ).map(json.dumps),
)


@pytest.fixture(scope="module")
def engine(
    postgres: Server,
    database_pool: DatabasePool,
    roles: None,
    vault: KmsVault,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Engine]:
    """An engine with a waiting workflow, one whose task is due, and a finished one."""
    directory = tmp_path_factory.mktemp("messages")
    (directory / "clock.json").write_text('{"anchorWall": 0, "anchorSchedule": 0, "speed": 1.0}')
    actions = ActionsService(clock_file=directory / "clock.json")
    actions.start()
    database = database_pool.take()
    one = Engine(postgres, database, Path(directory), vault, actions)
    one.define(swipe(delay="1h"), name="later")
    one.define(swipe(delay="2s"), name="soon")
    one.define({"id": "rest", "action": "wait", "delay": 0}, name="over")
    one.start("later", "sleeping")
    one.start("soon", "waiting")
    ended = one.start("over", "ended")
    one.deliver(*one.queue.take())
    assert one.status(ended) == "completed"
    one.queue.kept.clear()
    yield one
    one.close()
    actions.stop()
    database_pool.give_back(database)


def state(engine: Engine) -> Any:
    """Return everything that a message could change."""
    found = everything(engine.database)
    del found["workflow_locks"]  # acquired and released; its row stays
    return found, engine.actions.provider.ledger()


@st.composite
def forgeries(draw: st.DrawFn, tasks: list[dict[str, Any]]) -> str:
    """Messages about existing tasks with a changed fence, account, phase, time or sequence."""
    pointers = []
    for _ in range(draw(st.integers(1, 4))):
        task = draw(st.sampled_from(tasks))
        instance, _, sequence = task["task_id"].rpartition(":")
        pointer = [
            task["task_id"],
            task["fence"],
            task["account_id"],
            task["phase"],
            task["scheduled_for"].isoformat(),
        ]
        match draw(st.sampled_from(["fence", "sequence", "instance", "part"])):
            case "fence":
                pointer[1] = draw(st.sampled_from([task["fence"] + 1, 0, 2**62, 1]))
                if pointer[1] == task["fence"]:
                    pointer[1] += 1
            case "sequence":
                pointer[0] = f"{instance}:{int(sequence) + draw(st.sampled_from([1, 10, 2**40]))}"
            case "instance":
                pointer[0] = f"{draw(st.uuids())}:{sequence}"
            case _:
                pointer[1] += 1
                place = draw(st.integers(0, 4))
                pointer[place] = draw(
                    JSON
                    | st.sampled_from(
                        ["\0", "a\0:1", "x:" + "9" * 99, 2**63, -1, 1.5, True, *Phase]
                    )
                )
        if pointer[:2] == [task["task_id"], task["fence"]]:
            pointer[1] = task["fence"] + 7
        pointers.append(pointer)
    return json.dumps({"v": 1, "tasks": pointers})


@given(st.lists(ANYTHING, min_size=1, max_size=5))
@effort(80)
def test_any_body_is_survived(engine: Engine, bodies: list[str]) -> None:
    """Exactly the unreadable messages are reported as failed, and none of them changes anything."""
    before = state(engine)
    failed = engine.deliver(*bodies)
    unreadable = []
    for number, body in enumerate(bodies):
        try:
            decode(body)
        except UnreadableMessage:
            unreadable.append(str(number))
    assert failed == unreadable
    assert state(engine) == before


@given(st.data())
@effort(60)
def test_a_forged_pointer_touches_nothing(engine: Engine, data: st.DataObject) -> None:
    """A forged pointer (fence, account, phase, time or task) changes no row and makes no call."""
    before = state(engine)
    body = data.draw(forgeries(engine.tasks()))
    failed = engine.deliver(body)
    assert failed in ([], ["0"])
    assert state(engine) == before


def test_a_good_message_beside_bad_ones_is_run(engine: Engine) -> None:
    """A valid message is run beside unknown versions, nonsense and impossible values."""
    started = engine.start("soon", "good")
    engine.advance_to(engine.clock.now() + timedelta(seconds=3))
    bodies = engine.queue.take()
    assert bodies
    (pointer,) = [pointer for body in bodies for pointer in decode(body)]
    hostile = [
        '{"v":2,"tasks":[]}',
        "nonsense",
        encode([pointer]).replace(str(pointer.fence), str(2**63)),
        encode([pointer]).replace("good", "a\\u0000b"),
    ]
    assert engine.deliver(*hostile, *bodies) == ["0", "1", "2", "3"]
    assert [task["phase"] for task in engine.tasks(started)] == ["submit", "poll"]
    assert engine.effects("good") == ["startSwipeTask"]
