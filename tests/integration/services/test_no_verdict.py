"""Responses of the actions service that say nothing about the work fail no step."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from devstack.actions_service.faults import Fault
from flamebot.adapters.openai_writer.writer import OpenAiWriter
from tests.contracts.misbehaving import answer, misbehaving
from tests.contracts.test_openai_writer import good
from tests.integration.services.engine import Engine, swipe


def run(engine: Engine, *faults: Fault, **fields: Any) -> str:
    """Run a workflow of one swipe step under faults, and return its id."""
    engine.define(swipe(**fields))
    for fault in faults:
        engine.actions.faults.add(fault)
    instance = engine.start()
    engine.drive(engine.ended(instance))
    return instance


@pytest.mark.parametrize("status", [421, 423, 425])
def test_a_transient_refusal_is_tried_again_under_the_same_key(engine: Engine, status: int) -> None:
    """One refusal is one attempt."""
    instance = run(engine, Fault(kind="refuse", status=status))
    assert engine.status(instance) == "completed"
    assert engine.history(instance) == [("swipe", "retried"), ("swipe", "completed")]
    assert len(set(engine.keys())) == 1


@pytest.mark.parametrize("status", [408, 499, 500, 502, 503, 504])
def test_a_status_without_a_verdict_is_no_attempt(engine: Engine, status: int) -> None:
    """No other task was answered meanwhile: it may be the service's failure."""
    instance = run(engine, Fault(kind="refuse", status=status, count=3), maxAttempts=1)
    assert engine.status(instance) == "completed"
    assert engine.history(instance) == [("swipe", "completed")]
    assert len(set(engine.keys())) == 1


@pytest.mark.parametrize("status", [401, 402, 403, 407])
def test_a_token_that_is_refused_for_long_delays_the_step(engine: Engine, status: int) -> None:
    """Forty refusals, longer than the step's timeout: no attempt, no failure."""
    refused = Fault(kind="refuse", status=status, count=40, operation="any")
    instance = run(engine, refused, timeout="5m", maxAttempts=1)
    assert engine.status(instance) == "completed"
    assert engine.history(instance) == [("swipe", "completed")]


def test_a_conflict_in_progress_is_awaited(engine: Engine) -> None:
    """409 with a code that says so is no attempt."""
    busy = Fault(kind="refuse", status=409, code="request_in_progress", count=4)
    instance = run(engine, busy, maxAttempts=1)
    assert engine.status(instance) == "completed"


@pytest.mark.parametrize("status", [400, 401, 403, 408, 409, 418, 422, 423, 425, 429])
def test_a_refused_poll_leaves_its_job_alone(engine: Engine, status: int) -> None:
    """Whatever the response to a poll, but for 404 and 410, the job is watched to its end."""
    instance = run(engine, Fault(kind="refuse", status=status, operation="getTask", count=3))
    assert engine.status(instance) == "completed"
    assert engine.effects() == ["startSwipeTask"]


@pytest.mark.parametrize("status", [404, 410])
def test_a_job_whose_id_is_not_known_is_found_by_its_key(engine: Engine, status: int) -> None:
    """The service may know the work under its key."""
    instance = run(engine, Fault(kind="refuse", status=status, operation="getTask"))
    assert engine.status(instance) == "completed"
    assert engine.effects() == ["startSwipeTask"]


def test_a_lost_response_then_409_is_one_effect(engine: Engine) -> None:
    """The conflict on the repeated key leads to the job; a retry is not needed."""
    lost = Fault(kind="drop")
    conflict = Fault(kind="refuse", status=409, count=None)
    instance = run(engine, lost, conflict)
    assert engine.status(instance) == "completed"
    assert engine.effects() == ["startSwipeTask"]
    assert len(set(engine.keys())) == 1


@pytest.mark.parametrize("status", [400, 404, 409, 422, 503])
def test_no_write_of_unknown_outcome_fails_without_a_look_up(engine: Engine, status: int) -> None:
    """Whatever the responses to the repetitions, the job that exists is found and watched."""
    instance = run(engine, Fault(kind="drop"), Fault(kind="refuse", status=status, count=None))
    assert engine.status(instance) == "completed"
    assert engine.effects() == ["startSwipeTask"]


def test_a_write_accepted_without_a_body_is_not_repeated(engine: Engine) -> None:
    """204: the key leads to the job."""
    instance = run(engine, Fault(kind="no_body"))
    assert engine.status(instance) == "completed"
    assert len(engine.keys()) == 1


def test_a_registration_accepted_without_a_body_is_one(engine: Engine) -> None:
    """204 to PUT /accounts/{id}: the account's status is read."""
    instance = run(engine, Fault(kind="no_body", operation="registerAccount"))
    assert engine.status(instance) == "completed"


@pytest.mark.parametrize("kind", ["throttle", "unavailable"])
def test_a_wait_longer_than_the_timeout_is_kept(engine: Engine, kind: str) -> None:
    """Retry-After 1800 at a step of ten minutes: it completes half an hour later."""
    engine.define(swipe(timeout="10m"))
    engine.actions.faults.add(Fault(kind=kind, retry_after=1800))  # type: ignore[arg-type]  # both are kinds
    instance = engine.start()
    began = engine.clock.now()
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"
    assert engine.clock.now() - began >= timedelta(minutes=30)


def test_a_write_that_is_absent_fails_and_a_retry_sends_it_under_its_key(engine: Engine) -> None:
    """Its writes were lost for hours, and it knows nothing: the failure says so."""
    engine.define(swipe())
    engine.actions.faults.add(Fault(kind="reset", count=None))
    instance = engine.start()
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "failed"
    engine.actions.faults.clear()
    assert engine.tasks(instance)[-1]["error"].endswith("the service knows no job under its key")
    engine.retry(instance)
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"
    assert len(set(engine.keys())) == 1


def test_a_suspension_in_a_refused_write_stops_the_workflow(engine: Engine) -> None:
    """403 with the code account_suspended, at a step that is not critical."""
    refusal = Fault(kind="refuse", status=403, code="account_suspended")
    instance = run(engine, refusal, critical=False)
    assert engine.status(instance) == "failed"
    assert engine.database.value("select status from accounts") == "suspended"


@pytest.mark.parametrize("status", [401, 429, 503])
def test_an_ai_service_that_cannot_be_used_for_minutes_fails_no_workflow(
    engine: Engine, status: int
) -> None:
    """Six refusals of fifty seconds each, at a step of one attempt and one minute."""
    engine.define({"id": "bio", "action": "add_bio", "maxAttempts": 1, "timeout": "1m"})
    refused = answer(status, {"error": {"message": "later"}}, Retry_After="50")
    with misbehaving(*[refused] * 6, good("A walk and a good book.")) as server:
        writer = OpenAiWriter(
            lambda: "key", base_url=server.url, model="m", timeout=timedelta(seconds=20)
        )
        runner = engine.step(wrap=lambda name, port: writer if name == "writer" else port)
        instance = engine.start()
        began = engine.clock.now()
        engine.drive(engine.ended(instance), runner=runner)
    assert engine.status(instance) == "completed"
    assert engine.clock.now() - began >= timedelta(seconds=300)
    assert engine.history(instance) == [("bio", "completed")]
    assert len(server.requests) == 7
