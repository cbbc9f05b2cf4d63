"""Failures of the actions service lead to retries, new keys and failures that can be resumed."""

from __future__ import annotations

import itertools

import pytest

from tests.e2e.local_stack import Json, LocalStack, wait_until

# At 120 times wall time a step's own timeout would pass within seconds.
PROMPT: Json = {"id": "prompt", "action": "add_prompt", "timeout": "1d"}
SWIPE: Json = {"id": "swipe", "action": "swipe_with_spectre", "swipeCount": 5, "timeout": "1d"}
BIO: Json = {"id": "bio", "action": "add_bio", "timeout": "1d"}
RETRY_AFTER = 1  # wall-clock seconds
TIMEOUT = 60.0


@pytest.fixture(autouse=True)
def definitions(stack: LocalStack) -> None:
    """Return three effects without waits, of which one has a long timeout or is not critical."""
    stack.publish("faulty", [PROMPT, SWIPE, BIO])
    stack.publish("faulty_later", [PROMPT, {**SWIPE, "delay": "15m"}, BIO])
    stack.publish("faulty_optional", [PROMPT, {**SWIPE, "critical": False}, BIO])


def writes(stack: LocalStack, account: str, operation: str) -> list[Json]:
    """Return the requests to the service in their order."""
    found = [write for write in stack.ledger(account)["writes"] if write["operation"] == operation]
    return sorted(found, key=lambda write: float(write["startedAt"]))


def outline(stack: LocalStack, instance_id: str) -> list[tuple[str, str, int]]:
    """Return steps, statuses and attempts of the history."""
    return [
        (entry["stepId"], entry["status"], entry["attempt"]) for entry in stack.history(instance_id)
    ]


def test_503_twice(stack: LocalStack) -> None:
    """After two 503s the third call succeeds with the same key and bytes, as the first attempt."""
    stack.fault(
        kind="unavailable",
        count=2,
        operation="updatePrompt",
        account="fault-503",
        retryAfter=RETRY_AFTER,
    )
    instance_id = stack.start_workflow("fault-503", "faulty")
    assert stack.wait_over(instance_id, TIMEOUT)["status"] == "completed"
    sent = writes(stack, "fault-503", "updatePrompt")
    assert [write["status"] for write in sent] == [503, 503, 202]
    assert len({(write["key"], write["bodyHash"]) for write in sent}) == 1
    assert all(
        later["startedAt"] - earlier["endedAt"] >= RETRY_AFTER
        for earlier, later in itertools.pairwise(sent)
    )
    steps = outline(stack, instance_id)
    assert steps == [
        ("prompt", "completed", 1),
        ("swipe", "completed", 1),
        ("bio", "completed", 1),
    ]


@pytest.mark.parametrize("operation", ["updatePrompt", "startSwipeTask"])
def test_a_lost_answer(stack: LocalStack, operation: str) -> None:
    """After a lost response the job is found by the key, and not requested again."""
    account = f"fault-drop-{operation}"
    stack.fault(kind="drop", operation=operation, account=account)
    instance_id = stack.start_workflow(account, "faulty")
    assert stack.wait_over(instance_id, TIMEOUT)["status"] == "completed"
    sent = writes(stack, account, operation)
    assert [(write["status"], write["effect"]) for write in sent] == [(None, True)]
    assert [job["operation"] for job in stack.ledger(account)["jobs"]] == [
        "updatePrompt",
        "startSwipeTask",
        "updateBio",
    ]


def test_a_failed_job(stack: LocalStack) -> None:
    """A job that ended failed is submitted again: the same request under a new key."""
    stack.fault(kind="fail_job", operation="updatePrompt", account="fault-job")
    instance_id = stack.start_workflow("fault-job", "faulty")
    assert stack.wait_over(instance_id, TIMEOUT)["status"] == "completed"
    first, second = (
        job for job in stack.ledger("fault-job")["jobs"] if job["operation"] == "updatePrompt"
    )
    assert (first["status"], second["status"]) == ("failed", "succeeded")
    assert first["key"] != second["key"]
    assert first["body"] == second["body"]
    assert outline(stack, instance_id)[:2] == [("prompt", "retried", 1), ("prompt", "completed", 2)]


def test_down_and_back(stack: LocalStack) -> None:
    """A service that is down fails no workflow, which says meanwhile why it waits."""
    instance_id = stack.start_workflow("fault-down", "faulty_later")
    stack.wait_for(instance_id, lambda workflow: workflow["currentStepId"] == "swipe", TIMEOUT)
    with stack.behaviour(down=True):
        waiting = stack.wait_for(
            instance_id, lambda workflow: workflow["task"]["deferrals"] >= 4, TIMEOUT
        )
        assert (waiting["status"], waiting["lastError"]) == ("active", None)
        assert waiting["task"]["attempts"] == 0
        assert waiting["task"]["error"].startswith("outcome_unknown: The actions service")
    assert stack.wait_over(instance_id, TIMEOUT)["status"] == "completed"
    assert [job["operation"] for job in stack.ledger("fault-down")["jobs"]] == [
        "updatePrompt",
        "startSwipeTask",
        "updateBio",
    ]
    assert outline(stack, instance_id) == [
        ("prompt", "completed", 1),
        ("swipe", "completed", 1),
        ("bio", "completed", 1),
    ]


def test_refused_for_good_and_mended(stack: LocalStack) -> None:
    """A critical step fails the workflow when it is refused; retry resumes it there."""
    instance_id = stack.start_workflow("fault-refused", "faulty_later")
    stack.wait_for(instance_id, lambda workflow: workflow["currentStepId"] == "swipe", TIMEOUT)
    stack.fault(kind="refuse", operation="startSwipeTask", account="fault-refused")
    failed = stack.wait_over(instance_id, TIMEOUT)
    assert (failed["status"], failed["currentStepId"], failed["task"]) == ("failed", "swipe", None)
    assert failed["lastError"].startswith("refused: The actions service refused")
    assert "retry" in failed["allowedActions"]
    again = stack.command(instance_id, "retry", reason="the cause is mended")
    assert (again["status"], again["currentStepId"], again["lastError"]) == (
        "active",
        "swipe",
        None,
    )
    assert stack.wait_over(instance_id, TIMEOUT)["status"] == "completed"
    assert [(step, status) for step, status, _ in outline(stack, instance_id)] == [
        ("prompt", "completed"),
        ("swipe", "failed"),
        ("swipe", "completed"),
        ("bio", "completed"),
    ]


def test_a_step_that_is_not_critical(stack: LocalStack) -> None:
    """A step that is not critical is recorded as failed, and the workflow completes."""
    stack.fault(
        kind="refuse",
        status=423,
        count=None,
        operation="startSwipeTask",
        account="fault-optional",
    )
    instance_id = stack.start_workflow("fault-optional", "faulty_optional")
    over = stack.wait_over(instance_id, TIMEOUT)
    stack.heal()
    assert (over["status"], over["lastError"]) == ("completed", None)
    assert outline(stack, instance_id) == [
        ("prompt", "completed", 1),
        ("swipe", "retried", 1),
        ("swipe", "retried", 2),
        ("swipe", "failed", 3),
        ("bio", "completed", 1),
    ]
    assert [job["operation"] for job in stack.ledger("fault-optional")["jobs"]] == [
        "updatePrompt",
        "updateBio",
    ]


def test_a_refusal(stack: LocalStack) -> None:
    """A request that got 422 is not sent again: the workflow fails with the reason."""
    stack.fault(kind="refuse", status=422, operation="startSwipeTask", account="fault-422")
    instance_id = stack.start_workflow("fault-422", "faulty")
    failed = stack.wait_over(instance_id, TIMEOUT)
    assert (failed["status"], failed["currentStepId"]) == ("failed", "swipe")
    assert "422" in failed["lastError"]
    assert outline(stack, instance_id) == [("prompt", "completed", 1), ("swipe", "failed", 1)]
    assert [write["status"] for write in writes(stack, "fault-422", "startSwipeTask")] == [422]


def wait_for_status(stack: LocalStack, account_id: str, status: str) -> None:
    """Wait until the account has this status, which is stored right after the commit."""
    wait_until(
        lambda: stack.api.get(f"/v1/accounts/{account_id}").json()["status"] == status,
        TIMEOUT,
        f"{account_id} {status}",
    )


def test_a_suspended_account(stack: LocalStack) -> None:
    """A suspension aborts the workflow before the next effect.

    Once active again, retry resumes it.
    """
    stack.actions.post(
        "/_sim/accounts/fault-suspended", json={"status": "suspended"}
    ).raise_for_status()
    instance_id = stack.start_workflow("fault-suspended", "faulty_optional")
    for _ in range(2):  # and once more while it is suspended
        failed = stack.wait_over(instance_id, TIMEOUT)
        assert failed["status"] == "failed"
        assert failed["lastError"].startswith("account_suspended")
        wait_for_status(stack, "fault-suspended", "suspended")
        assert [write["operation"] for write in stack.ledger("fault-suspended")["writes"]] == [
            "registerAccount"
        ]
        stack.command(instance_id, "retry")
    stack.wait_over(instance_id, TIMEOUT)
    stack.actions.post(
        "/_sim/accounts/fault-suspended", json={"status": "active"}
    ).raise_for_status()
    stack.command(instance_id, "retry")
    assert stack.wait_over(instance_id, TIMEOUT)["status"] == "completed"
    wait_for_status(stack, "fault-suspended", "active")
