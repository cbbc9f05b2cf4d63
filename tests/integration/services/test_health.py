"""Each way in which the engine can stand still is planted for real, and the health check sees it, and sees that it is over.

A check is one pass of maintenance and one question to the API, every five minutes; minutes pass by ticking, delivering and moving both
clocks: schedule time by itself, wall time by making older what is stored of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from flamebot.adapters.postgres.connection import Database
from flamebot.adapters.postgres.maintenance_store import PostgresMaintenanceStore
from flamebot.adapters.postgres.read_store import PostgresReadStore
from flamebot.domain.errors import StoreUnavailable
from flamebot.domain.message import decode
from flamebot.services.maintenance.health import CheckHealth
from flamebot.services.maintenance.run import RunMaintenance
from tests.integration.services.engine import TESTER, Engine, swipe
from tests.support.databases import Session

PERIOD = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)
CHECKS = 2  # red at the second check after planting, at the latest
ADVICE = {"last_maintenance", "history", "enough_concurrency", "transactions"}
OLDER = "update engine_control set last_tick_at = last_tick_at - %(by)s, last_maintenance_at = last_maintenance_at - %(by)s"


@dataclass
class Living:
    """An engine with its clockwork: what of it is alive, and what the two ways of asking say."""

    engine: Engine
    ticking: bool = True
    stepping: bool = True
    dying: bool = False
    reads: CheckHealth = field(init=False)
    maintenance: RunMaintenance = field(init=False)

    def __post_init__(self) -> None:
        """Wire both ways of asking to one database."""
        self.restart()
        engine = self.engine
        self._connection = Database(lambda: engine.database.url)
        self.read_store = PostgresReadStore(self._connection, engine.clock)
        store = PostgresMaintenanceStore(self._connection, engine.clock)

        def checks(asked: PostgresReadStore | PostgresMaintenanceStore) -> CheckHealth:
            return CheckHealth(
                store=asked,
                max_concurrent_tasks=10,
                maintenance_period=PERIOD,
                telemetry=engine.telemetry,
                clock=engine.clock,
            )

        self.reads = checks(self.read_store)
        self.maintenance = RunMaintenance(
            store=store,
            checks=checks(store),
            task_retention=timedelta(days=7),
            history_retention=timedelta(days=90),
            telemetry=engine.telemetry,
            clock=engine.clock,
        )

    def reconnect(self) -> None:
        """Cut every connection, as a failover does."""
        self.engine.close()
        self._connection.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def minutes(self, count: int) -> None:
        """Let so many minutes pass for whatever is alive."""
        for _ in range(count):
            self.engine.setter.advance(MINUTE.total_seconds())
            self.engine.outlive(MINUTE)
            self.engine.database.rows(OLDER, {"by": MINUTE})
            if self.ticking:
                with suppress(StoreUnavailable):
                    self.engine.tick()
            while self.stepping and (bodies := self.engine.queue.take()):
                self.deliver(bodies)

    def deliver(self, bodies: list[str]) -> None:
        """Run what the messages point at, each time in a new process; or begin it and die."""
        if self.dying:
            pointers = [pointer for body in bodies for pointer in decode(body)]
            self.engine.tick_store("flamebot_step").begin_tasks(pointers, str(uuid4()))
        else:
            self.engine.deliver(*bodies, runner=self._runner)

    def restart(self) -> None:
        """From now on steps run in a new process, which has read no definition yet."""
        self._runner = self.engine.step()

    def check(self) -> set[str]:
        """The five minutes are over: the urgent checks that fail, as maintenance's pass told them. The API says the same."""
        self.minutes(5)
        told = len(self.engine.telemetry.lines)
        with suppress(StoreUnavailable):
            self.maintenance.run(lambda: 50)
        (found,) = [
            fields for event, fields in self.engine.telemetry.lines[told:] if event == "maintenance_done"
        ]
        seen = {check.name for check in self.reads.run().urgent}
        reasons: Any = found["reasons"]
        assert seen == {reason.partition(":")[0] for reason in reasons} - ADVICE
        return seen

    def checks_until(self, wanted: Callable[[set[str]], bool], most: int) -> None:
        """Check until it is as wanted; fails if it takes more checks than that."""
        seen = []
        for _ in range(most):
            seen.append(self.check())
            if wanted(seen[-1]):
                return
        raise AssertionError(
            f"not within {most} checks: {seen}, {self.reads.run().reasons}, {self.engine.tasks()}"
        )


@pytest.fixture
def living(engine: Engine) -> Iterator[Living]:
    """An engine that has just been found healthy, with a workflow that swipes every two minutes for ever."""
    jump = {"id": "again", "action": "goto", "nextStep": "swipe", "infiniteAllowed": True}
    engine.define(swipe(delay="2m"), jump)
    engine.start()
    living = Living(engine)
    assert living.check() == set()
    yield living
    living.close()


Plant = Callable[[Living], AbstractContextManager[None]]


@contextmanager
def dead_tick(living: Living) -> Iterator[None]:
    """No tick comes any more."""
    living.ticking = False
    yield
    living.ticking = True


@contextmanager
def dead_step(living: Living) -> Iterator[None]:
    """The mapping is off: what is sent lies in the queue."""
    living.stepping = False
    yield
    living.stepping = True


@contextmanager
def silent_queue(living: Living) -> Iterator[None]:
    """The queue takes nothing: what is claimed is not sent."""
    living.engine.queue.down = True
    yield
    living.engine.queue.down = False


@contextmanager
def dying_steps(living: Living) -> Iterator[None]:
    """Invocations begin their tasks and die, and no tick reclaims: leases run out, more and more."""
    living.dying = True
    living.minutes(2)
    assert any(task["status"] == "running" for task in living.engine.tasks())
    living.ticking = False
    yield
    living.ticking, living.dying = True, False


@contextmanager
def unplannable(living: Living) -> Iterator[None]:
    """A deploy took away what a running definition names: its task is begun, lost, reclaimed, and planned by nobody, again and again."""
    rows = living.engine.database.rows("select steps from workflow_definitions where type = 'flow'")
    change = "update workflow_definitions set steps = %s where type = 'flow'"
    living.engine.database.rows(
        change, (json.dumps([step | {"action": "gone"} for step in rows[0]["steps"]]),)
    )
    living.restart()
    yield
    living.engine.database.rows(change, (json.dumps(rows[0]["steps"]),))


@contextmanager
def forgotten_cancel(living: Living) -> Iterator[None]:
    """Everything is paused, which excuses what waits; but a stop was acknowledged, and its cancel, which may run, does not."""
    living.engine.drive(lambda: any(task["phase"] == "poll" for task in living.engine.tasks()))
    (instance,) = {str(task["workflow_instance_id"]) for task in living.engine.tasks()}
    living.engine.control.pause_all(TESTER)
    living.stepping = False
    living.engine.control.stop_workflow(instance, TESTER)
    assert living.engine.status(instance) == "stopping"
    yield
    living.stepping = True


@contextmanager
def read_only(living: Living) -> Iterator[None]:
    """After a failover the address leads to a server that takes no change."""
    name = living.engine.database.name
    with closing(Session(living.engine.database.url)) as owner:
        owner.rows(f"alter database {name} set default_transaction_read_only = on")
        living.reconnect()
        yield
        owner.rows(f"alter database {name} reset default_transaction_read_only")
    living.reconnect()


@contextmanager
def lost_workflow(living: Living) -> Iterator[None]:
    """A live instance has no task: no clockwork would ever come back to it (I2)."""
    task = next(
        task for task in living.engine.tasks() if task["status"] in ("pending", "queued", "running")
    )
    columns = "status = %s, finished_at = %s, lease_expires_at = null"
    change = f"update scheduled_tasks set {columns} where task_id = %s"
    living.engine.database.rows(change, ("cancelled", living.engine.clock.now(), task["task_id"]))
    yield
    living.engine.database.rows(change, ("pending", None, task["task_id"]))


PLANTED: list[tuple[Plant, str, int]] = [
    (dead_tick, "last_tick", CHECKS),
    (dead_step, "oldest_due", CHECKS),
    (
        silent_queue,
        "oldest_due",
        CHECKS + 1,
    ),  # what could not be sent three times is sent again after eight leases, which are twelve minutes
    (dying_steps, "expired_leases", CHECKS),
    (unplannable, "stuck_tasks", CHECKS),
    (forgotten_cancel, "oldest_due", CHECKS),
    (read_only, "database", CHECKS),
    (lost_workflow, "orphaned_workflows", CHECKS),
]


@pytest.mark.parametrize(
    ("plant", "name", "until_green"), PLANTED, ids=[plant.__name__ for plant, *_ in PLANTED]
)
def test_red_within_two_checks_and_green_after_the_repair(
    living: Living, plant: Plant, name: str, until_green: int
) -> None:
    """Whatever stands still is found by its own check, ten minutes later at most; soon after the repair all is well."""
    with plant(living):
        living.checks_until(lambda found: name in found, CHECKS)
        assert name in living.check(), "and it stays so"
    living.checks_until(lambda found: not found, until_green)


def test_a_busy_engine_is_healthy(living: Living) -> None:
    """An hour of work, a pause and its end, a stop: no check fails on what is as it should be."""
    assert [living.check() for _ in range(6)] == [set()] * 6
    living.engine.control.pause_all(TESTER)
    assert [living.check() for _ in range(6)] == [set()] * 6
    living.engine.control.resume_all(TESTER)
    living.minutes(1)
    assert living.check() == set()
