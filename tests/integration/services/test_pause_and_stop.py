"""After a pause or a stop, begun tasks end in order and no other task begins."""

from __future__ import annotations

from typing import Any

from devstack.actions_service.faults import Fault
from tests.integration.services.engine import TESTER, Engine, swipe


def test_nothing_begins_under_the_global_pause(engine: Engine) -> None:
    """I7: a message that arrives during the pause begins nothing."""
    engine.define(swipe())
    instance = engine.start()
    engine.control.pause_all(TESTER)
    engine.deliver(*engine.queue.take())
    assert (engine.writes(), engine.tasks(instance)[0]["status"]) == ([], "pending")
    assert engine.tick().claimed == 0
    engine.control.resume_all(TESTER)
    assert engine.tick().claimed == 1
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"


def test_a_chain_stops_at_a_pause(engine: Engine) -> None:
    """I7: a text begun before a pause is stored; the write that would follow does not begin."""
    engine.define({"id": "bio", "action": "add_bio"})
    instance = engine.start()

    class PausingWriter:
        def __init__(self, writer: Any) -> None:
            self._writer = writer

        def write(self, brief: Any) -> Any:
            engine.control.pause_workflow(instance, TESTER)
            return self._writer.write(brief)

    engine.deliver(
        *engine.queue.take(),
        runner=engine.step(
            wrap=lambda name, port: PausingWriter(port) if name == "writer" else port
        ),
    )
    assert [(task["phase"], task["status"]) for task in engine.tasks(instance)] == [
        ("generate", "completed"),
        ("submit", "held"),
    ]
    assert engine.writes("updateBio") == []
    assert engine.database.rows("select * from workflow_locks") == []
    engine.send(engine.control.resume_workflow(instance, "freeze", TESTER).send)
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"


def test_a_stopped_job_is_cancelled(engine: Engine) -> None:
    """Stop while a job runs: it is cancelled at the service, and nothing further starts."""
    engine.define(swipe(swipeCount=300), swipe("second"))
    instance = engine.start()
    engine.deliver(*engine.queue.take())
    engine.send(engine.control.stop_workflow(instance, TESTER).send)
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "stopped"
    assert [job["status"] for job in engine.actions.provider.ledger()["jobs"]] == ["cancelled"]


def test_a_submit_of_unknown_outcome_is_cancelled_by_its_key(engine: Engine) -> None:
    """Stop after the response was lost: the job is looked up by its key, found and cancelled."""
    engine.define(swipe(swipeCount=300))
    engine.actions.faults.add(Fault(kind="drop"))
    instance = engine.start()
    engine.deliver(*engine.queue.take())
    engine.send(engine.control.stop_workflow(instance, TESTER).send)
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "stopped"
    assert [job["status"] for job in engine.actions.provider.ledger()["jobs"]] == ["cancelled"]
    assert len(engine.keys()) == 1


def test_a_submit_that_never_arrived_needs_no_cancel(engine: Engine) -> None:
    """A submit without a job is looked up twice by its key, and the workflow is stopped."""
    engine.define(swipe())
    engine.actions.faults.add(Fault(kind="reset"))
    instance = engine.start()
    engine.deliver(*engine.queue.take())
    engine.send(engine.control.stop_workflow(instance, TESTER).send)
    engine.deliver(*engine.queue.take())
    assert engine.status(instance) == "stopping"
    engine.clock.sleep(2.1)
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "stopped"
    assert engine.effects() == []
