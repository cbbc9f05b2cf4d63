"""A process dies before or after any of its calls, and the workflow still completes.

After the lease and a tick the work continues, and each effect happens once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

import pytest

from devstack.actions_service.faults import Fault
from tests.integration.services.engine import TESTER, Engine, swipe

Moment = Literal["before", "after"]
DAY = 86_400


class Killed(BaseException):
    """The process ended at this call."""


class Tripwire:
    """Wraps ports, counts the calls through them, and ends the process at one of them."""

    def __init__(self, at: int | None = None, moment: Moment = "before") -> None:
        self.calls: list[str] = []
        self._at = at
        self._moment = moment
        self._guard = threading.Lock()

    def wrap(self, name: str, port: Any) -> Any:
        """Wrap a port: any of them, such as the vault, the locks or the queue."""
        return _Wired(self, name, port)

    def call(self, name: str, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Pass the call on, or end the process. After that no call is passed on."""
        with self._guard:
            place = len(self.calls)
            self.calls.append(name)
        if self._at is not None and (
            place > self._at or (place == self._at and self._moment == "before")
        ):
            raise Killed
        answer = method(*arguments, **named)
        if place == self._at:
            raise Killed
        return answer


class _Wired:
    def __init__(self, wire: Tripwire, name: str, port: Any) -> None:
        self._wire = wire
        self._name = name
        self._port = port

    def __getattr__(self, method: str) -> Any:
        real = getattr(self._port, method)
        return lambda *arguments, **named: self._wire.call(
            f"{self._name}.{method}", real, *arguments, **named
        )


def recover(engine: Engine, done: Callable[[], bool]) -> None:
    """Let leases and locks expire and ticks run, without another crash."""
    for _ in range(30):
        engine.outlive()
        engine.jump()
        engine.tick()
        while bodies := engine.queue.take():
            engine.deliver(*bodies)
        if done():
            return
    raise AssertionError(f"never recovered: {engine.tasks()}")


def sound(engine: Engine, instance: str, account: str) -> None:
    """Each step ran once, in order, without gaps, with one key per effect.

    No two writes for the account overlapped.
    """
    assert engine.status(instance) == "completed"
    assert [step for step, status in engine.history(instance) if status == "completed"] == [
        "rest",
        "bio",
        "swipe",
    ]
    assert engine.effects(account) == ["updateBio", "startSwipeTask"]
    assert (
        len({(write["key"], write["bodyHash"]) for write in engine.writes("updateBio", account)})
        == 1
    )
    assert (
        len(
            {
                (write["key"], write["bodyHash"])
                for write in engine.writes("startSwipeTask", account)
            }
        )
        == 1
    )
    assert engine.actions.provider.ledger(account)["overlaps"] == []
    tasks = engine.tasks(instance)
    assert [task["sequence"] for task in tasks] == list(range(1, len(tasks) + 1))
    assert all(task["status"] in ("completed", "failed") for task in tasks)


FLOW = (
    {"id": "rest", "action": "wait", "delay": "1s"},
    {"id": "bio", "action": "add_bio"},
    swipe(),
)


def drive_wired(engine: Engine, wire: Tripwire, done: Callable[[], bool]) -> None:
    """Run a workflow in processes whose ports are all wrapped by one wire."""
    runner = engine.step(wrap=wire.wrap)
    while not done():
        engine.jump()
        engine.tick(wrap=wire.wrap)
        while bodies := engine.queue.take():
            engine.deliver(*bodies, runner=runner)


@pytest.mark.slow
def test_a_crash_at_any_call_loses_and_doubles_nothing(engine: Engine) -> None:
    """I3, I4, I5, I6: a process dies before or after each of its calls.

    Other processes finish its work.
    """
    engine.define(*FLOW)
    probe = Tripwire()
    instance = engine.start(account="probe")
    drive_wired(engine, probe, engine.ended(instance))
    sound(engine, instance, "probe")
    assert {
        "store.begin_tasks",
        "store.commit_tasks",
        "locks.acquire",
        "service.submit",
        "locks.release",
        "queue.send",
    } <= set(probe.calls)
    moments: list[tuple[int, Moment]] = [
        (at, moment) for at in range(len(probe.calls)) for moment in ("before", "after")
    ]
    for at, moment in moments:
        account = f"acc-{at}-{moment}"
        instance = engine.start(account=account)
        try:
            drive_wired(engine, Tripwire(at, moment), engine.ended(instance))
        except Killed:
            recover(engine, engine.ended(instance))
        sound(engine, instance, account)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_around_the_submit_of_a_stopped_workflow_leaves_no_job(
    engine: Engine, moment: Moment
) -> None:
    """The process dies at the submit, then an operator stops the workflow.

    The job is found by its key, or was never made.
    """
    engine.define(swipe(swipeCount=300))
    instance = engine.start()
    (body,) = engine.queue.take()

    class DyingSubmit:
        def __init__(self, service: Any) -> None:
            self._service = service

        def __getattr__(self, name: str) -> Any:
            return getattr(self._service, name)

        def submit(self, *arguments: Any, **named: Any) -> str:
            if moment == "after":
                self._service.submit(*arguments, **named)
            raise Killed

    with pytest.raises(Killed):
        engine.deliver(
            body,
            runner=engine.step(
                wrap=lambda name, port: DyingSubmit(port) if name == "service" else port
            ),
        )
    engine.send(engine.control.stop_workflow(instance, TESTER).send)
    assert engine.status(instance) == "stopping"
    for _ in range(10):
        engine.outlive()
        engine.tick()
        while bodies := engine.queue.take():
            engine.deliver(*bodies)
        if engine.status(instance) == "stopped":
            break
        engine.clock.sleep(0.5)
        engine.jump()
    assert engine.status(instance) == "stopped"
    assert {job["status"] for job in engine.actions.provider.ledger()["jobs"]} <= {"cancelled"}
    assert len(engine.writes("startSwipeTask")) == (moment == "after")


def test_a_task_that_kills_every_process_is_given_up(engine: Engine) -> None:
    """I8: a step that ends its process five times fails.

    Until then it is sent in a message of its own, so that no other task fails with it.
    """
    engine.define(swipe())
    instance = engine.start()

    class DyingStatus:
        def __init__(self, service: Any) -> None:
            self._service = service

        def __getattr__(self, name: str) -> Any:
            if name in ("account_status", "find"):
                raise Killed
            return getattr(self._service, name)

    engine.database.rows("update accounts set registered_version = credentials_version")
    for _ in range(8):
        for body in engine.queue.take():
            with pytest.raises(Killed):
                engine.deliver(
                    body,
                    runner=engine.step(
                        wrap=lambda name, port: DyingStatus(port) if name == "service" else port
                    ),
                )
        engine.outlive()
        engine.tick()
    assert engine.status(instance) == "failed"
    (task,) = engine.tasks(instance)
    assert task["reclaims"] <= 5
    assert task["attempts"] <= 1
    assert engine.database.value("select last_error from workflow_instances").startswith(
        "crash_loop"
    )


def test_a_poll_that_kills_every_second_process_is_given_up(engine: Engine) -> None:
    """I8: a poll whose process dies every second time ends by the limit of reclaims.

    The polls in between commit, and the step's timeout of 30 days would not end it. A retry asks
    for the same job under the same key, with a new count.
    """
    engine.define(swipe(swipeCount=300, timeout="30d"))
    engine.actions.provider.change({"swipe_seconds": 10 * DAY})
    instance = engine.start()
    engine.deliver(*engine.queue.take())
    deaths = 0

    class DyingEverySecondTime:
        def __init__(self, service: Any) -> None:
            self._service = service
            self._jobs = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(self._service, name)

        def job(self, job_id: str) -> Any:
            nonlocal deaths
            self._jobs += 1
            if self._jobs % 2 == 0:
                deaths += 1
                raise Killed
            return self._service.job(job_id)

    runner = engine.step(
        wrap=lambda name, port: DyingEverySecondTime(port) if name == "service" else port
    )
    for _ in range(60):
        engine.jump()
        engine.tick()
        for body in engine.queue.take():
            with suppress(Killed):
                engine.deliver(body, runner=runner)
        if engine.status(instance) != "active":
            break
        engine.outlive()
    assert (engine.status(instance), deaths) == ("failed", 5)
    assert engine.database.value("select last_error from workflow_instances").startswith(
        "crash_loop"
    )
    key = engine.keys()
    engine.retry(instance)
    engine.setter.advance(10 * DAY)
    engine.drive(engine.ended(instance))
    assert (engine.status(instance), engine.keys()) == ("completed", key)


def test_losing_every_message_loses_no_work(engine: Engine) -> None:
    """A task that stays queued past its lease is sent again with the same fence."""
    engine.define(*FLOW)
    instance = engine.start()
    for _ in range(30):
        engine.queue.kept.clear()
        engine.outlive()
        engine.jump()
        engine.tick()
        while bodies := engine.queue.take():
            engine.deliver(*bodies)
        if engine.ended(instance)():
            break
    sound(engine, instance, "acc")


def test_losing_every_lock_loses_no_work(engine: Engine) -> None:
    """The lock table may lose all locks while workflows run.

    Begin and commit admit one delivery without it.
    """
    engine.define(*FLOW)
    engine.actions.faults.add(Fault(kind="drop", count=2))
    instance = engine.start()
    for _ in range(60):
        engine.tick()
        while bodies := engine.queue.take():
            engine.deliver(*bodies)
            engine.database.rows("delete from workflow_locks")
        if engine.ended(instance)():
            break
        engine.jump()
    sound(engine, instance, "acc")


def test_a_late_commit_changes_nothing(engine: Engine) -> None:
    """I4: a worker whose lease expired during its work cannot commit.

    The tick that reclaimed the task can.
    """
    engine.define(swipe())
    instance = engine.start()

    class LateService:
        def __init__(self, service: Any) -> None:
            self._service = service

        def __getattr__(self, name: str) -> Any:
            return getattr(self._service, name)

        def submit(self, *arguments: Any, **named: Any) -> Any:
            answer = self._service.submit(*arguments, **named)
            engine.outlive()
            engine.tick()
            return answer

    engine.deliver(
        *engine.queue.take(),
        runner=engine.step(
            wrap=lambda name, port: LateService(port) if name == "service" else port
        ),
    )
    assert engine.telemetry.counts["StaleCommits"] == 1
    assert engine.tasks(instance)[0]["status"] == "queued"
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"
    assert engine.effects() == ["startSwipeTask"]
