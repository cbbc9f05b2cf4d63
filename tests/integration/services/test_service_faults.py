"""A workflow continues, with each effect once, under every fault of the actions service."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from devstack.actions_service.faults import Fault
from tests.integration.services.engine import GIVE_UP_AFTER, Engine, swipe


def test_503_twice_is_sent_again_with_key_and_body(engine: Engine) -> None:
    """An unknown outcome is sent again with the same key, never sooner than Retry-After.

    It is no attempt: no other task was answered meanwhile.
    """
    engine.define(swipe(swipeCount={"min": 3, "max": 30}))
    engine.actions.faults.add(Fault(kind="unavailable", count=2, retry_after=7))
    instance = engine.start()
    began = engine.clock.now()
    engine.drive(engine.ended(instance))
    writes = engine.writes("startSwipeTask")
    assert [write["status"] for write in writes] == [503, 503, 202]
    assert len({(write["key"], write["bodyHash"]) for write in writes}) == 1
    assert engine.history(instance) == [("swipe", "completed")]
    assert engine.clock.now() - began >= timedelta(seconds=14)
    assert engine.tasks(instance)[0]["attempts"] == 1


@pytest.mark.parametrize("kind", ["drop", "reset"])
def test_a_lost_answer_is_one_effect(engine: Engine, kind: Any) -> None:
    """A lost response and a lost request are both sent again under the same key."""
    engine.define(swipe())
    engine.actions.faults.add(Fault(kind=kind))
    instance = engine.start()
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"
    assert len(set(engine.keys())) == 1
    assert engine.effects() == ["startSwipeTask"]


def test_a_slow_answer_is_one_effect(engine: Engine) -> None:
    """A call that timed out may have worked: its lock expires, and its key is looked up."""
    engine.define(swipe())
    engine.actions.faults.add(Fault(kind="slow", seconds=2.5))
    instance = engine.start()
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"
    assert engine.effects() == ["startSwipeTask"]


@pytest.mark.parametrize("kind", ["fail_job", "cancel_job"])
def test_a_failed_job_is_done_anew_under_a_new_key(engine: Engine, kind: Any) -> None:
    """I5: a new key is used only after the old key's job was reported failed or cancelled.

    The text is not generated again.
    """
    engine.define({"id": "bio", "action": "add_bio"})
    engine.actions.faults.add(Fault(kind=kind))
    instance = engine.start()
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"
    first, second = engine.writes("updateBio")
    assert first["key"] != second["key"]
    assert first["bodyHash"] == second["bodyHash"]
    assert [task["phase"] for task in engine.tasks(instance)] == [
        "generate",
        "submit",
        "poll",
        "submit",
        "poll",
    ]
    assert [task["attempts"] for task in engine.tasks(instance)][1:4] == [1, 1, 2]


def test_down_for_good_fails_a_critical_step_and_retry_resumes(engine: Engine) -> None:
    """After `give_up_after` without a response the workflow fails, and no attempt was counted.

    A retry resumes it at the failed step, under the same key.
    """
    engine.define(swipe("first"), swipe("second", delay="1m"))
    instance = engine.start()
    engine.drive(lambda: ("first", "completed") in engine.history(instance))
    engine.actions.faults.add(Fault(kind="unavailable", count=None))
    began = engine.clock.now()
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "failed"
    assert engine.clock.now() - began > GIVE_UP_AFTER
    assert engine.history(instance)[1:] == [("second", "failed")]
    assert engine.tasks(instance)[2]["attempts"] == 0
    assert engine.telemetry.counts["WorkflowsFailed"] == 1
    engine.actions.faults.clear()
    engine.retry(instance)
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"
    assert len(set(engine.keys())) == 2
    assert engine.effects() == ["startSwipeTask", "startSwipeTask"]


def test_down_for_good_passes_a_step_that_is_not_critical(engine: Engine) -> None:
    """The failure of a step that is not critical is recorded, and the workflow continues."""
    engine.define(swipe(critical=False), {"id": "end", "action": "wait", "delay": "1s"})
    engine.actions.faults.add(Fault(kind="reset", count=None))
    instance = engine.start()
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"
    assert engine.history(instance)[-2:] == [("swipe", "failed"), ("end", "completed")]


def test_a_422_is_not_retried(engine: Engine) -> None:
    """A 422 response is final: the step fails without another attempt."""
    engine.define(swipe())
    engine.actions.faults.add(Fault(kind="refuse", status=422))
    instance = engine.start()
    engine.drive(engine.ended(instance))
    assert (engine.status(instance), len(engine.keys())) == ("failed", 1)


def test_throttling_is_no_attempt(engine: Engine) -> None:
    """A 429 response defers the task for as long as it says, and is no attempt."""
    engine.define(swipe())
    engine.actions.faults.add(Fault(kind="throttle", count=5, retry_after=3))
    instance = engine.start()
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"
    assert engine.history(instance) == [("swipe", "completed")]
    assert engine.tasks(instance)[0]["attempts"] == 1
    assert engine.telemetry.counts["VendorThrottled"] == 5


def test_a_step_that_takes_too_long_is_cancelled(engine: Engine) -> None:
    """A poll after the deadline ends in a cancel, then in step_timeout."""
    engine.define(swipe(swipeCount=300, timeout="10s"))
    instance = engine.start()
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "failed"
    assert engine.database.value("select last_error from workflow_instances").startswith(
        "step_timeout"
    )
    assert [job["status"] for job in engine.actions.provider.ledger()["jobs"]] == ["cancelled"]


@pytest.mark.parametrize("remembered", [True, False])
def test_an_old_key_is_never_sent_again(engine: Engine, remembered: bool) -> None:
    """I5: an outcome unknown for longer than keys are kept is looked up, and resumed if found.

    If no job is found, the step fails.
    """
    engine.define(swipe())
    engine.actions.faults.add(Fault(kind="drop"))
    instance = engine.start()
    engine.deliver(*engine.queue.take())
    engine.database.rows(
        "update scheduled_tasks set first_begun_at = first_begun_at - interval '21 hours'"
    )
    if not remembered:
        engine.actions.provider.forget_keys()
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == ("completed" if remembered else "failed")
    assert len(engine.keys()) == 1
    assert remembered or engine.tasks(instance)[-1]["error"].startswith("outcome_unknown")
