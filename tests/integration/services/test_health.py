"""Each fault that stops the engine is caused, detected by the health check, and cleared.

A check is one maintenance pass and one call of the API, every five minutes. Minutes pass by
ticking, delivering and moving both clocks: schedule time is set, and stored wall times are moved
back.
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
CHECKS = 2  # a fault is detected by the second check at the latest
ADVICE = {"last_maintenance", "history", "enough_concurrency", "transactions"}
OLDER = (
    "update engine_control set last_tick_at = last_tick_at - %(by)s,"
    " last_maintenance_at = last_maintenance_at - %(by)s"
)


@dataclass
class RunningEngine:
    """An engine whose parts can be switched off, with both callers of the health check."""

    engine: Engine
    ticking: bool = True
    stepping: bool = True
    dying: bool = False
    reads: CheckHealth = field(init=False)
    maintenance: RunMaintenance = field(init=False)

    def __post_init__(self) -> None:
        """Connect both callers to one database."""
        self.restart()
        engine = self.engine
        self._connection = Database(lambda: engine.database.url)
        self.read_store = PostgresReadStore(self._connection, engine.clock)
        store = PostgresMaintenanceStore(self._connection, engine.clock)

        def checks(store: PostgresReadStore | PostgresMaintenanceStore) -> CheckHealth:
            return CheckHealth(
                store=store,
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
        """Close every connection, as a failover does."""
        self.engine.close()
        self._connection.close()

    def close(self) -> None:
        """Close the connection of the health checks."""
        self._connection.close()

    def minutes(self, count: int) -> None:
        """Let minutes pass for the parts that are on."""
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
        """Run the tasks of the messages in a new process, or begin them and die."""
        if self.dying:
            pointers = [pointer for body in bodies for pointer in decode(body)]
            self.engine.tick_store("flamebot_step").begin_tasks(pointers, str(uuid4()))
        else:
            self.engine.deliver(*bodies, runner=self._runner)

    def restart(self) -> None:
        """Let steps run in a new process, which has cached no definition."""
        self._runner = self.engine.step()

    def check(self) -> set[str]:
        """Let five minutes pass; return the urgent checks that fail, the same for both callers."""
        self.minutes(5)
        before = len(self.engine.telemetry.lines)
        with suppress(StoreUnavailable):
            self.maintenance.run(lambda: 50)
        (found,) = [
            fields
            for event, fields in self.engine.telemetry.lines[before:]
            if event == "maintenance_done"
        ]
        failed = {check.name for check in self.reads.run().urgent}
        reasons: Any = found["reasons"]
        assert failed == {reason.partition(":")[0] for reason in reasons} - ADVICE
        return failed

    def checks_until(self, wanted: Callable[[set[str]], bool], most: int) -> None:
        """Check until the result is as wanted, at most so many times."""
        seen = []
        for _ in range(most):
            seen.append(self.check())
            if wanted(seen[-1]):
                return
        raise AssertionError(
            f"not within {most} checks: {seen}, {self.reads.run().reasons}, {self.engine.tasks()}"
        )


@pytest.fixture
def living(engine: Engine) -> Iterator[RunningEngine]:
    """Return a healthy engine with an endless workflow that swipes every two minutes."""
    jump = {"id": "again", "action": "goto", "nextStep": "swipe", "infiniteAllowed": True}
    engine.define(swipe(delay="2m"), jump)
    engine.start()
    living = RunningEngine(engine)
    assert living.check() == set()
    yield living
    living.close()


Fault = Callable[[RunningEngine], AbstractContextManager[None]]


@contextmanager
def dead_tick(living: RunningEngine) -> Iterator[None]:
    """Let the last tick be older than its limit."""
    living.ticking = False
    yield
    living.ticking = True


@contextmanager
def dead_step(living: RunningEngine) -> Iterator[None]:
    """Disable the event source mapping: messages stay in the queue."""
    living.stepping = False
    yield
    living.stepping = True


@contextmanager
def silent_queue(living: RunningEngine) -> Iterator[None]:
    """Make the queue refuse messages: claimed tasks are not sent."""
    living.engine.queue.down = True
    yield
    living.engine.queue.down = False


@contextmanager
def dying_steps(living: RunningEngine) -> Iterator[None]:
    """Let invocations begin tasks and die, without a tick to reclaim: leases expire."""
    living.dying = True
    living.minutes(2)
    assert any(task["status"] == "running" for task in living.engine.tasks())
    living.ticking = False
    yield
    living.ticking, living.dying = True, False


@contextmanager
def unplannable(living: RunningEngine) -> Iterator[None]:
    """Remove an action that a running definition uses: its task is reclaimed again and again."""
    rows = living.engine.database.rows("select steps from workflow_definitions where type = 'flow'")
    change = "update workflow_definitions set steps = %s where type = 'flow'"
    living.engine.database.rows(
        change, (json.dumps([step | {"action": "gone"} for step in rows[0]["steps"]]),)
    )
    living.restart()
    yield
    living.engine.database.rows(change, (json.dumps(rows[0]["steps"]),))


@contextmanager
def forgotten_cancel(living: RunningEngine) -> Iterator[None]:
    """Pause globally, and let the cancel of a stop, which runs all the same, stay in the queue."""
    living.engine.drive(lambda: any(task["phase"] == "poll" for task in living.engine.tasks()))
    (instance,) = {str(task["workflow_instance_id"]) for task in living.engine.tasks()}
    living.engine.control.pause_all(TESTER)
    living.stepping = False
    living.engine.control.stop_workflow(instance, TESTER)
    assert living.engine.status(instance) == "stopping"
    yield
    living.stepping = True


@contextmanager
def read_only(living: RunningEngine) -> Iterator[None]:
    """Make the database read-only, as after a failover to a replica."""
    name = living.engine.database.name
    with closing(Session(living.engine.database.url)) as owner:
        owner.rows(f"alter database {name} set default_transaction_read_only = on")
        living.reconnect()
        yield
        owner.rows(f"alter database {name} reset default_transaction_read_only")
    living.reconnect()


@contextmanager
def orphaned_workflow(living: RunningEngine) -> Iterator[None]:
    """Take away the live task of a live instance, so that it never continues (I2)."""
    task = next(
        task for task in living.engine.tasks() if task["status"] in ("pending", "queued", "running")
    )
    columns = "status = %s, finished_at = %s, lease_expires_at = null"
    change = f"update scheduled_tasks set {columns} where task_id = %s"
    living.engine.database.rows(change, ("cancelled", living.engine.clock.now(), task["task_id"]))
    yield
    living.engine.database.rows(change, ("pending", None, task["task_id"]))


FAULTS: list[tuple[Fault, str, int]] = [
    (dead_tick, "last_tick", CHECKS),
    (dead_step, "oldest_due", CHECKS),
    (
        silent_queue,
        "oldest_due",
        CHECKS + 1,
    ),  # after three failed sends the next one follows after eight leases, twelve minutes
    (dying_steps, "expired_leases", CHECKS),
    (unplannable, "stuck_tasks", CHECKS),
    (forgotten_cancel, "oldest_due", CHECKS),
    (read_only, "database", CHECKS),
    (orphaned_workflow, "orphaned_workflows", CHECKS),
]


@pytest.mark.parametrize(
    ("fault", "name", "until_ok"), FAULTS, ids=[fault.__name__ for fault, *_ in FAULTS]
)
def test_a_fault_is_detected_within_two_checks_and_cleared_after_the_repair(
    living: RunningEngine, fault: Fault, name: str, until_ok: int
) -> None:
    """Each fault fails its own check within ten minutes; after the repair every check is ok."""
    with fault(living):
        living.checks_until(lambda found: name in found, CHECKS)
        assert name in living.check(), "the check keeps failing"
    living.checks_until(lambda found: not found, until_ok)


def test_a_busy_engine_is_healthy(living: RunningEngine) -> None:
    """No urgent check fails during normal work, a global pause and its end."""
    assert [living.check() for _ in range(6)] == [set()] * 6
    living.engine.control.pause_all(TESTER)
    assert [living.check() for _ in range(6)] == [set()] * 6
    living.engine.control.resume_all(TESTER)
    assert living.check() == set(), "at once, before the next tick"
    living.minutes(1)
    assert living.check() == set()
