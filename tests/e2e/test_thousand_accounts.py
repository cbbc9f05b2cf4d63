"""A thousand accounts in one request, some of them bad, and the same request again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.local_stack import Json, LocalStack

ACCOUNTS = 1000
KEY = "thousand-accounts-1"
# The tables that an import may write. Workflows of other tests may run on this stack; no other test
# imports or controls.
WRITTEN = """
    select (select count(*) from accounts where flamebot_id like 'thousand-%%') as accounts,
           (select count(*) from workflow_instances
             where account_id like 'thousand-%%') as workflows,
           (select count(*) from scheduled_tasks where account_id like 'thousand-%%') as tasks,
           (select count(*) from import_requests) as requests,
           (select count(*) from audit_log) as audited
"""
STORED = """
    select count(*) as accounts, count(a.credentials_ciphertext) as secrets,
           count(i.id) as live, count(t.task_id) as tasks
      from accounts a
      left join workflow_instances i on i.account_id = a.flamebot_id and i.status = 'active'
      left join scheduled_tasks t on t.workflow_instance_id = i.id and t.status = 'pending'
     where a.flamebot_id like 'thousand-%%'
"""
# The defects of some rows, by index, and the pointer of each issue.
BAD: dict[int, tuple[Any, str]] = {
    0: ({"accountId": ""}, "/accounts/0/accountId"),
    17: ({"accountId": None}, "/accounts/17/accountId"),
    123: ({"accountId": "thousand-0124"}, ""),  # the first of two: good
    124: ({}, "/accounts/124/accountId"),  # the second of two with the same id
    300: ({"password": "in the wrong place"}, "/accounts/300/password"),
    301: ({"credentials": "no object"}, "/accounts/301/credentials"),
    500: ({"config": {"notes": "x" * 20_000}}, "/accounts/500"),
    501: ({"modelId": 7}, "/accounts/501/modelId"),
    999: ({"channelId": ""}, "/accounts/999/channelId"),
}
INCOMPLETE = 400  # stored; without a model no workflow starts


@pytest.fixture(scope="module")
def body(stack: LocalStack) -> bytes:
    """Return the request. Its workflows rest for years, so that they do not delay other tests."""
    stack.publish("thousand", [{"id": "rest", "action": "wait", "delay": "2000d"}])
    rows: list[Any] = []
    for n in range(ACCOUNTS):
        row: Json = {
            "accountId": f"thousand-{n:04}",
            "modelId": "model-1",
            "channelId": f"channel-{n}",
            "credentials": {"password": f"p-{n}"},
        }
        rows.append({**row, **BAD[n][0]} if n in BAD else row)
    del rows[INCOMPLETE]["modelId"]
    rows[600] = "not an object"
    return json.dumps(
        {"accounts": rows, "startAutomation": True, "workflowType": "thousand"}
    ).encode()


REJECTED = {
    **{place: pointer for place, (_, pointer) in BAD.items() if pointer},
    600: "/accounts/600",
}


def send(stack: LocalStack, body: bytes) -> Any:
    """Send the import under the key."""
    headers = {"content-type": "application/json", "idempotency-key": KEY}
    return stack.api.post("/v1/accounts/import", content=body, headers=headers)


@pytest.fixture(scope="module")
def answer(stack: LocalStack, body: bytes) -> Json:
    """Return the response to the first request."""
    answer = send(stack, body)
    assert answer.status_code == 200, answer.text
    document: Json = answer.json()
    return document


def test_the_good_rows_are_stored_and_started(stack: LocalStack, answer: Json) -> None:
    """I9: every good row is created and started, or stored only if it is incomplete."""
    stored = ACCOUNTS - len(REJECTED)
    assert (answer["imported"], answer["started"], answer["rejected"]) == (
        stored,
        stored - 1,
        len(REJECTED),
    )
    assert [result["index"] for result in answer["results"]] == list(range(ACCOUNTS))
    good = [result for result in answer["results"] if result["index"] not in REJECTED]
    assert {result["status"] for result in good} == {"created"}
    assert [result["index"] for result in good if result["workflow"]["status"] != "started"] == [
        INCOMPLETE
    ]
    started = [result for result in good if result["index"] != INCOMPLETE]
    assert len({result["workflow"]["instanceId"] for result in started}) == stored - 1

    (rows,) = stack.rows(STORED)
    assert rows == {"accounts": stored, "secrets": stored, "live": stored - 1, "tasks": stored - 1}
    some = stack.workflow(started[-1]["workflow"]["instanceId"])
    assert (some["accountId"], some["status"], some["currentStepId"]) == (
        started[-1]["accountId"],
        "active",
        "rest",
    )


def test_each_bad_row_is_reported_with_its_pointer(stack: LocalStack, answer: Json) -> None:
    """I9: a bad row is rejected with pointer and reason, and is not stored."""
    for index, pointer in REJECTED.items():
        result = answer["results"][index]
        assert (result["status"], result["workflow"]["status"]) == ("rejected", "rejected"), result
        assert pointer in [error["pointer"] for error in result["problem"]["errors"]], result
        assert all(error["detail"] for error in result["problem"]["errors"])
    assert stack.api.get("/v1/accounts/thousand-0300").status_code == 404
    assert stack.api.get("/v1/accounts/thousand-0299").status_code == 200


def test_the_same_request_again(stack: LocalStack, body: bytes, answer: Json) -> None:
    """The same request under its key gets the same response and adds no row.

    Another body is refused.
    """
    before = stack.rows(WRITTEN)
    again = send(stack, body)
    assert (again.status_code, again.json()) == (200, answer)
    other = send(stack, body.replace(b"channel-1", b"channel-2"))
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert stack.rows(WRITTEN) == before


def test_without_its_key_the_accounts_are_updated(
    stack: LocalStack, body: bytes, answer: Json
) -> None:
    """Without its key the request updates the accounts and leaves live workflows alone."""
    again = stack.api.post(
        "/v1/accounts/import", content=body, headers={"content-type": "application/json"}
    ).json()
    assert (again["imported"], again["started"], again["rejected"]) == (
        answer["imported"],
        0,
        answer["rejected"],
    )
    results = zip(again["results"], answer["results"], strict=True)
    assert all(
        (later["status"], later["workflow"])
        == ("updated", {**earlier["workflow"], "status": "already_active"})
        for later, earlier in results
        if earlier["workflow"]["status"] == "started"
    )
