"""While workflows sleep: deployments, downtime, changes of the clock, and work beside them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flamebot.adapters.postgres.engine_store import PostgresEngineStore
from flamebot.ports.admin_store import ANY_VERSION
from tests.integration.services.engine import HORIZON, LEASE, TESTER, Engine, swipe

HOUR, DAY = 3600, 86_400
REST = {"id": "rest", "action": "wait", "delay": "30h"}


def sleeping(engine: Engine, instances: list[str]) -> list[list[dict[str, Any]]]:
    """Return the whole rows of the instances and of their tasks."""
    return [
        engine.database.rows(
            "select * from workflow_instances where id::text = any (%s) order by id", (instances,)
        ),
        engine.database.rows(
            "select * from scheduled_tasks where workflow_instance_id::text = any (%s)"
            " order by task_id",
            (instances,),
        ),
    ]


def each_once(engine: Engine, instances: list[str], accounts: list[str]) -> None:
    """Each workflow is completed, with each step once and one effect."""
    for instance, account in zip(instances, accounts, strict=True):
        assert engine.status(instance) == "completed"
        assert engine.history(instance) == [("rest", "completed"), ("swipe", "completed")]
        assert engine.effects(account) == ["startSwipeTask"]


def test_publishing_and_restarting_change_nothing_for_who_sleeps(engine: Engine) -> None:
    """I11: new versions, new workers and ticks leave each row of a sleeping workflow as it is.

    It wakes up on its own version, in a worker that did not exist when it fell asleep.
    """
    engine.define(REST, swipe())
    accounts = [f"acc-{number}" for number in range(3)]
    instances = [engine.start(account=account) for account in accounts]
    before = sleeping(engine, instances)
    for number in range(5):
        document = {
            "type": "flow",
            "name": "flow",
            "description": f"version {number}",
            "config": {},
            "steps": [{"id": "other", "action": "wait", "delay": "1s"}],
        }
        engine.control.publish_definition(document, ANY_VERSION, TESTER)
        worker = engine.step()
        engine.setter.advance(5 * HOUR)
        engine.tick()
        assert (engine.queue.take(), sleeping(engine, instances)) == ([], before)
    engine.drive(lambda: all(engine.status(one) != "active" for one in instances), runner=worker)
    each_once(engine, instances, accounts)


@pytest.mark.parametrize("down", [HOUR, DAY, 30 * DAY], ids=["an hour", "a day", "a month"])
def test_downtime_loses_and_duplicates_nothing(engine: Engine, down: int) -> None:
    """I6: what fell due while nothing ran begins once, after the end of the downtime.

    Some were sleeping, some were sent and their messages are gone, some had a job at the service.
    """
    engine.define(REST, swipe(timeout="60d"))
    accounts = [f"acc-{number}" for number in range(6)]
    instances = [engine.start(account=account) for account in accounts[:2]]  # will be polling
    engine.setter.advance(30 * HOUR)
    engine.tick()
    engine.deliver(*engine.queue.take())
    instances += [engine.start(account=account) for account in accounts[2:4]]  # sent, then lost
    engine.setter.advance(30 * HOUR - 60)
    engine.tick()
    engine.queue.kept.clear()
    instances += [engine.start(account=account) for account in accounts[4:]]  # sleeping
    engine.setter.advance(down)
    engine.outlive(timedelta(seconds=down))
    engine.drive(lambda: all(engine.status(one) != "active" for one in instances))
    each_once(engine, instances, accounts)
    assert [task["attempts"] for task in engine.tasks() if task["phase"] == "submit"] == [1] * 6


def night_before_the_change(after: datetime, month: int) -> datetime:
    """Return 20:00 UTC on the eve of the last Sunday of a month, in the next year."""
    last = datetime(after.year + 1, month, 31, 20, tzinfo=UTC)
    return last - timedelta(days=(last.weekday() + 1) % 7 + 1)


@pytest.fixture
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run this process and its new database sessions in a zone that changes its clocks."""
    monkeypatch.setenv("TZ", request.param)
    monkeypatch.setenv("PGTZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("month", [10, 3], ids=["October", "March"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Pacific/Chatham", "UTC"], indirect=True)
def test_a_change_of_the_clocks_moves_no_wake_up(zone: str, engine: Engine, month: int) -> None:
    """A wait of a day lasts 24 hours, in a zone whose day has 23 or 25 hours too.

    It is claimed neither an hour early nor an hour late, and its effect is done once.
    """
    engine.advance_to(night_before_the_change(engine.clock.now(), month))
    engine.define({"id": "rest", "action": "wait", "delay": "1d"}, swipe())
    instance = engine.start()
    (task,) = engine.tasks(instance)
    due = task["scheduled_for"]
    assert abs(due - engine.clock.now() - timedelta(days=1)) < timedelta(seconds=10)
    engine.advance_to(due - HORIZON - timedelta(seconds=30))
    assert engine.tick().claimed == 0
    engine.advance_to(due - timedelta(seconds=30))
    assert (engine.zone(), engine.tick().claimed) == (zone, 1)
    engine.drive(engine.ended(instance))
    each_once(engine, [instance], ["acc"])


def test_sleeping_work_takes_no_slot_from_running_work(engine: Engine) -> None:
    """With MAX_QUEUED_TASKS=1, a hundred sleeping workflows keep no due one waiting."""
    engine.define(REST, name="asleep")
    engine.define({"id": "rest", "action": "wait", "delay": "10m"}, swipe(), name="due")
    asleep = [engine.start("asleep", f"asleep-{number}") for number in range(100)]
    before = sleeping(engine, asleep)
    due = engine.start("due", "due")
    tight = PostgresEngineStore(
        engine.database.db, engine.clock, horizon=HORIZON, lease=LEASE, max_queued=1
    )
    for _ in range(10):
        engine.advance_to(engine.clock.now() + timedelta(minutes=1))
        engine.tick(wrap=lambda name, port: tight if name == "store" else port)
        while bodies := engine.queue.take():
            engine.deliver(*bodies)
    engine.drive(engine.ended(due))
    each_once(engine, [due], ["due"])
    assert sleeping(engine, asleep) == before


def test_open_jobs_take_no_thread_from_other_work(engine: Engine) -> None:
    """A worker with three threads begins other work at once while it has ten jobs open.

    A job that is at work at the service occupies no thread: it is a row with a due time.
    """
    engine.define(swipe(timeout="30d"))
    engine.actions.provider.change({"swipe_seconds": 10 * DAY})
    polled = [f"polled-{number}" for number in range(10)]
    instances = [engine.start(account=account) for account in polled]
    engine.deliver(*engine.queue.take())
    engine.actions.provider.change({"swipe_seconds": 0, "seconds_per_swipe": 0})
    other = engine.start(account="other")
    engine.drive(engine.ended(other), rounds=20)
    assert engine.status(other) == "completed"
    assert {engine.status(one) for one in instances} == {"active"}
    assert all(engine.effects(account) == ["startSwipeTask"] for account in polled)
