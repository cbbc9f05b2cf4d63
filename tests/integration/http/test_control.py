"""Control over HTTP: each call returns the workflow, sends due tasks and writes an audit row."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flamebot.domain.message import decode
from tests.integration.http.conftest import Api, ApiResponse


def control(http: Api, instance_id: str, action: str, **event: Any) -> ApiResponse:
    """Make a control call for a workflow."""
    return http.call("POST", f"/v1/workflows/{instance_id}/{action}", **event)


def fail(http: Api, instance_id: str, *, unknown: bool = False) -> None:
    """Put a waiting workflow into the state that a failed critical step leaves."""
    http.database.rows(
        "update scheduled_tasks set status = 'failed', finished_at = clock_timestamp(),"
        " lease_expires_at = null, held_at = null,"
        " error = 'refused: no', outcome_unknown = %s where workflow_instance_id = %s and is_live",
        (unknown, instance_id),
    )
    http.database.rows(
        "update workflow_instances set status = 'failed', finished_at = clock_timestamp(),"
        " last_error = 'refused: no',"
        " next_action_at = null, revision = revision + 1 where id = %s",
        (instance_id,),
    )


def assert_as_shown(http: Api, answer: ApiResponse, status: str) -> None:
    """Assert that the response equals the workflow as GET shows it, in this status."""
    assert answer.status == 200, answer.body
    assert answer.body["status"] == status
    assert answer.body == http.call("GET", f"/v1/workflows/{answer.body['id']}").body


def audits(http: Api, action: str) -> list[tuple[str, str | None]]:
    """Return actors and reasons of such calls."""
    rows = http.database.rows(
        "select actor, reason from audit_log where action = %s order by id", (action,)
    )
    return [(row["actor"], row["reason"]) for row in rows]


def test_starting_one(http: Api) -> None:
    """Starting a workflow gets 201 with its location; a second start gets 409."""
    http.load({"accountId": "a@b.c:d+e", "modelId": "m", "channelId": "c"}, start=False)
    first = http.call(
        "POST",
        "/v1/accounts/a%40b.c%3Ad%2Be/workflows",
        body={"workflowType": "aggressive", "reason": "trial"},
    )
    assert first.status == 201, first.body
    assert first.headers["Location"] == f"/v1/workflows/{first.body['id']}"
    assert (first.body["workflowType"], first.body["status"], first.body["accountId"]) == (
        "aggressive",
        "active",
        "a@b.c:d+e",
    )
    assert first.body == http.call("GET", first.headers["Location"]).body
    second = http.call("POST", "/v1/accounts/a@b.c:d+e/workflows", body={})
    assert (second.status, second.body["code"]) == (409, "already_active")
    assert second.body["liveWorkflowId"] == first.body["id"]
    assert ("WorkflowsStarted", 1) in http.telemetry.metrics


@pytest.mark.parametrize(
    ("account", "body", "status", "code"),
    [
        ("no-such-account", {}, 404, "not_found"),
        ("bare", {}, 422, "account_incomplete"),
        ("bare", {"workflowType": "nosuch"}, 422, "unknown_workflow_type"),
    ],
)
def test_what_cannot_be_started(http: Api, account: str, body: Any, status: int, code: str) -> None:
    """Unknown accounts and types, and incomplete accounts, cannot be started."""
    http.load({"accountId": "bare"}, start=False)
    answer = http.call("POST", f"/v1/accounts/{account}/workflows", body=body)
    assert (answer.status, answer.body["code"]) == (status, code)


def test_pause_and_resume(http: Api) -> None:
    """A repeated pause or resume gets 200; the audit log has every call with its reason."""
    instance_id = http.started()
    for _ in range(2):
        paused = control(http, instance_id, "pause", body={"reason": "lunch"})
        assert_as_shown(http, paused, "paused")
    assert (paused.body["effectInFlight"], paused.body["task"]["status"]) == (False, "held")
    assert paused.body["pausedAt"].endswith("Z")
    for clock in ({}, {"clock": "run_on"}):
        resumed = control(http, instance_id, "resume", body=clock)
        assert_as_shown(http, resumed, "active")
    assert (resumed.body["pausedAt"], resumed.body["task"]["status"]) == (None, "pending")
    assert audits(http, "pause_workflow") == [("operator", "lunch")] * 2
    assert audits(http, "resume_workflow") == [("operator", None)] * 2


def test_stop(http: Api) -> None:
    """A workflow without a running task stops at once and for good; a repeated stop gets 200."""
    instance_id = http.started()
    for _ in range(2):
        assert_as_shown(http, control(http, instance_id, "stop"), "stopped")
    for action in ("pause", "resume", "retry", "run-now", "skip-step"):
        refused = control(http, instance_id, action)
        assert (refused.status, refused.body["code"], refused.body["allowed"]) == (
            409,
            "not_allowed",
            [],
        )
    assert len(audits(http, "stop_workflow")) == 2
    assert http.call("POST", "/v1/accounts/a/workflows").status == 201


def test_a_refusal_lists_the_allowed_actions(http: Api) -> None:
    """A refused action gets 409 with the allowed actions."""
    instance_id = http.started()
    paused = control(http, instance_id, "pause")
    refused = control(http, instance_id, "retry")
    assert (refused.status, refused.body["code"]) == (409, "not_allowed")
    assert (
        refused.body["allowed"]
        == sorted(paused.body["allowedActions"])
        == ["resume", "skip-step", "stop"]
    )


def test_run_now_sends_at_once(http: Api) -> None:
    """Run-now ends a wait of two hours and sends the message at once."""
    instance_id = http.started()
    assert http.messages() == []
    answer = control(http, instance_id, "run-now", body={"reason": "in a hurry"})
    assert_as_shown(http, answer, "active")
    (body,) = http.messages()
    (pointer,) = decode(body)
    assert (pointer.task_id, pointer.account_id) == (f"{instance_id}:1", "a")
    assert answer.body["task"]["status"] == "queued"
    assert audits(http, "run_workflow_now") == [("operator", "in a hurry")]


def test_skip_step(http: Api) -> None:
    """The skipped wait is in the history as skipped, and the next step follows."""
    instance_id = http.started()
    answer = control(http, instance_id, "skip-step", body={"reason": "too slow"})
    assert_as_shown(http, answer, "active")
    assert (answer.body["currentStepId"], answer.body["task"]["phase"]) == (
        "add_prompt",
        "generate",
    )
    history = http.call("GET", f"/v1/workflows/{instance_id}/history").body["items"]
    assert [(entry["stepId"], entry["status"]) for entry in history] == [
        ("initial_wait", "skipped")
    ]
    assert len(http.messages()) == 1


def test_retry_after_a_definite_failure(http: Api) -> None:
    """A retry creates a new task at the step that failed."""
    instance_id = http.started()
    fail(http, instance_id)
    answer = control(http, instance_id, "retry", body={"reason": "mended"})
    assert_as_shown(http, answer, "active")
    assert (answer.body["task"]["taskId"], answer.body["lastError"]) == (f"{instance_id}:2", None)
    assert audits(http, "retry_workflow") == [("operator", "mended")]
    assert len(http.messages()) == 1


def test_retry_while_another_one_is_live(http: Api) -> None:
    """A retry gets 409 with the id of the account's other, live workflow."""
    instance_id = http.started()
    fail(http, instance_id)
    live = http.call("POST", "/v1/accounts/a/workflows")
    assert live.status == 201
    answer = control(http, instance_id, "retry")
    assert (answer.status, answer.body["code"]) == (409, "already_active")
    assert answer.body["liveWorkflowId"] == live.body["id"]


@pytest.mark.parametrize("action", ["run-now", "skip-step"])
def test_a_step_at_work_is_left_alone(http: Api, action: str) -> None:
    """An action on a running step gets 409 busy."""
    instance_id = http.started()
    control(http, instance_id, "run-now")
    http.database.rows(
        "update scheduled_tasks set status = 'running', started_at = clock_timestamp(),"
        " phase = 'submit' where is_live"
    )
    answer = control(http, instance_id, action)
    assert (answer.status, answer.body["code"]) == (409, "busy")
    assert "is at work: its phase submit has been running since" in answer.body["detail"]
    assert http.call("GET", f"/v1/workflows/{instance_id}").body["effectInFlight"] is True


@pytest.mark.parametrize("action", ["pause", "resume", "stop", "retry", "run-now", "skip-step"])
def test_a_workflow_that_is_not_there(http: Api, action: str) -> None:
    """An action on an unknown workflow gets 404."""
    answer = control(http, "00000000-0000-4000-8000-000000000000", action)
    assert (answer.status, answer.body["detail"]) == (404, "There is no such workflow.")


def test_racing_calls_leave_a_consistent_workflow(connect: Callable[..., Api]) -> None:
    """Racing calls get 200 or 409, never 500, and leave at most one live task."""
    apis = [connect() for _ in range(4)]
    instance_id = apis[0].started()
    actions = ["pause", "resume", "skip-step", "run-now"] * 3 + ["stop"] * 2
    with ThreadPoolExecutor(len(apis)) as threads:
        answers = list(
            threads.map(
                lambda turn: control(apis[turn[0] % len(apis)], instance_id, turn[1]),
                enumerate(actions),
            )
        )
    assert {answer.status for answer in answers} <= {200, 409}, [answer.body for answer in answers]
    assert apis[0].call("GET", f"/v1/workflows/{instance_id}").body["status"] == "stopped"
    assert apis[0].database.value("select count(*) from scheduled_tasks where is_live") == 0


def test_the_global_pause(http: Api) -> None:
    """Pause and resume are idempotent; resume-all sends what fell due during the pause."""
    assert http.call("GET", "/v1/control").body == {
        "paused": False,
        "pausedAt": None,
        "pausedMs": 0,
    }
    for _ in range(2):
        paused = http.call("POST", "/v1/control/pause-all", body={"reason": "incident"})
        assert (paused.status, paused.body["paused"]) == (200, True)
    instance_id = http.started()
    answer = control(http, instance_id, "run-now")
    assert (answer.status, answer.body["task"]["status"], http.messages()) == (200, "pending", [])
    for _ in range(2):
        resumed = http.call("POST", "/v1/control/resume-all")
        assert (resumed.status, resumed.body["paused"], resumed.body["pausedAt"]) == (
            200,
            False,
            None,
        )
    assert resumed.body["pausedMs"] >= 0
    assert len(http.messages()) == 1
    assert audits(http, "pause_all") == [("operator", "incident")] * 2
    assert audits(http, "resume_all") == [("operator", None)] * 2


def test_erasing_an_account(http: Api) -> None:
    """An account is deleted with its workflows' contents, but not while a workflow is live."""
    instance_id = http.started()
    assert (
        http.call("DELETE", "/v1/accounts/a").status,
        http.call("GET", "/v1/accounts/a").status,
    ) == (409, 200)
    fail(http, instance_id)
    gone = http.call("DELETE", "/v1/accounts/a")
    assert (gone.status, gone.body, http.call("GET", "/v1/accounts/a").status) == (204, None, 404)
    assert http.call("DELETE", "/v1/accounts/a").status == 404
    left = http.call("GET", f"/v1/workflows/{instance_id}").body
    assert (left["status"], left["executionContext"]) == ("stopped", {})
    for action in ("retry", "skip-step", "run-now", "pause"):
        assert control(http, instance_id, action).status == 409
    assert audits(http, "delete_account") == [("operator", None)]
