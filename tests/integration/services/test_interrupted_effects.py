"""A pause, a stop or a timeout that comes during an effect: fence and outcome of the task stay."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.services.engine import TESTER, Engine, swipe

Act = Callable[[Engine, str], object]
ACTS: dict[str, Act] = {
    "pause": lambda engine, instance: engine.control.pause_workflow(instance, TESTER),
    "pause of all": lambda engine, _: engine.control.pause_all(TESTER),
    "stop": lambda engine, instance: engine.send(
        engine.control.stop_workflow(instance, TESTER).send
    ),
    "timeout": lambda engine, _: engine.setter.advance(3 * 3600),
}


class Interrupted:
    """A service at which something happens after an effect and before its response arrives."""

    def __init__(self, service: Any, method: str, act: Callable[[], object]) -> None:
        self._service = service
        self._method = method
        self._act = act

    def __getattr__(self, name: str) -> Any:
        """Return the service's own method, or the interrupted one."""
        real = getattr(self._service, name)
        if name != self._method:
            return real

        def interrupted(*arguments: Any, **named: Any) -> Any:
            answer = real(*arguments, **named)
            self._act()
            return answer

        return interrupted


def deliver_interrupted(engine: Engine, instance: str, method: str, act: Act) -> tuple[int, int]:
    """Deliver what is queued, act during a call; return the fence during and after the act."""
    fences: list[int] = []

    def interrupt() -> None:
        if not fences:
            before = running(engine, instance)["fence"]
            act(engine, instance)
            engine.tick()
            fences.extend([before, running(engine, instance)["fence"]])

    engine.deliver(
        *engine.queue.take(),
        runner=engine.step(
            wrap=lambda name, port: (
                Interrupted(port, method, interrupt) if name == "service" else port
            )
        ),
    )
    before, after = fences
    return before, after


def running(engine: Engine, instance: str) -> dict[str, Any]:
    """Return the only running task."""
    (task,) = [task for task in engine.tasks(instance) if task["status"] == "running"]
    return task


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
def test_a_running_submit_keeps_its_fence_and_its_outcome(engine: Engine, act: Act) -> None:
    """I3, I4, I5: its commit is accepted and records the job that the service started.

    What follows works on this job: it is polled, or cancelled. No second one is ever requested.
    """
    engine.define(swipe(swipeCount=300))
    instance = engine.start()
    before, after = deliver_interrupted(engine, instance, "submit", act)
    assert after == before
    (submit, *_) = engine.tasks(instance)
    (job,) = engine.actions.provider.ledger()["jobs"]
    assert (submit["status"], submit["committed_fence"]) == ("completed", before)
    assert (submit["attempts"], submit["outcome_unknown"]) == (1, False)
    assert "StaleCommits" not in engine.telemetry.counts
    assert engine.tasks(instance)[1]["payload"]["job_id"] == job["taskId"]
    if act is ACTS["pause"]:
        engine.send(engine.control.resume_workflow(instance, "freeze", TESTER).send)
    engine.control.resume_all(TESTER)
    engine.drive(engine.ended(instance))
    assert len(engine.effects()) == len(engine.writes("startSwipeTask")) == 1
    assert engine.status(instance) == ("stopped" if act is ACTS["stop"] else "completed")


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
def test_a_running_poll_keeps_the_result_that_it_reads(engine: Engine, act: Act) -> None:
    """A result that arrives during a pause, a stop or after the deadline stands in the history.

    The step is not done again, neither by the resume nor by a retry.
    """
    engine.define(swipe(swipeCount=7))
    instance = engine.start()
    engine.deliver(*engine.queue.take())
    engine.advance_to(engine.clock.now() + timedelta(minutes=5))
    engine.tick()
    before, after = deliver_interrupted(engine, instance, "job", act)
    assert after == before
    poll = engine.tasks(instance)[-1]
    assert (poll["phase"], poll["status"], poll["committed_fence"]) == ("poll", "completed", before)
    assert engine.history(instance) == [("swipe", "completed")]
    result = engine.database.value("select result from step_history")
    assert (result["requested"], result["performed"]) == (7, 7)
    assert engine.status(instance) == ("stopped" if act is ACTS["stop"] else "completed")
    assert engine.effects() == ["startSwipeTask"]
