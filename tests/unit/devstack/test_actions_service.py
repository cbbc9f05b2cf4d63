"""The simulated actions service implements `docs/actions-api.yaml`."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from devstack.actions_service.api import SPECIFICATION
from devstack.actions_service.json_schema import issues, resolved
from devstack.actions_service.server import ActionsService

TOKEN = "the-token"
SPEC = yaml.safe_load(SPECIFICATION.read_text())


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ActionsService]:
    """Run a service with a state file and short jobs."""
    service = ActionsService(token=TOKEN, state_file=tmp_path / "actions.jsonl")
    service.provider.change({"text_seconds": 0.05, "swipe_seconds": 0.05, "seconds_per_swipe": 0.0})
    service.start()
    yield service
    service.stop()


@pytest.fixture
def client(service: ActionsService) -> Iterator[httpx.Client]:
    """Return a client with the bearer token."""
    with httpx.Client(base_url=service.url, headers={"authorization": f"Bearer {TOKEN}"}) as client:
        yield client


def register(
    client: httpx.Client, account: str = "a1", key: str = "a1:000001", **content: Any
) -> httpx.Response:
    """Register an account under a key."""
    return client.put(
        f"/accounts/{account}",
        json=content or {"modelId": "m", "channelId": "c"},
        headers={"idempotency-key": key},
    )


def swipe(
    client: httpx.Client,
    key: str = "task-0001",
    account: str = "a1",
    count: int = 5,
    fence: int | None = None,
) -> httpx.Response:
    """Start a job of swipes under a key."""
    headers = {"idempotency-key": key} | (
        {"x-fencing-token": str(fence)} if fence is not None else {}
    )
    return client.post(
        f"/accounts/{account}/swipe-tasks",
        json={"count": count, "spectre": {"mode": "calm"}},
        headers=headers,
    )


def finished(client: httpx.Client, task_id: str) -> dict[str, Any]:
    """Return the task when its job has ended."""
    for _ in range(200):
        task: dict[str, Any] = client.get(f"/tasks/{task_id}").json()
        if task["status"] not in ("pending", "running"):
            return task
        time.sleep(0.01)
    raise AssertionError(task)


def fault(client: httpx.Client, **document: Any) -> None:
    """Request that a fault is injected."""
    assert client.post("/_sim/faults", json=document).status_code == 201


def answers_as_specified(response: httpx.Response, template: str, method: str) -> bool:
    """Return whether the specification has this status, media type and body."""
    responses = SPEC["paths"][template][method]["responses"]
    node = resolved(responses[str(response.status_code)], SPEC)
    schema = node["content"][response.headers["content-type"]]["schema"]
    assert list(issues(schema, response.json(), SPEC)) == []
    return all(name.lower() in response.headers for name in node.get("headers", {}))


def test_every_operation_responds_as_specified(client: httpx.Client) -> None:
    """The successful response of each operation has the specified status and shape."""
    key = {"idempotency-key": "task-0001"}
    assert answers_as_specified(register(client), "/accounts/{accountId}", "put")
    assert answers_as_specified(client.get("/accounts/a1"), "/accounts/{accountId}", "get")
    prompt = client.put("/accounts/a1/prompt", json={"text": "Ask me about tea"}, headers=key)
    assert answers_as_specified(prompt, "/accounts/{accountId}/prompt", "put")
    bio = client.put(
        "/accounts/a1/bio", json={"text": "Tea"}, headers={"idempotency-key": "task-0002"}
    )
    assert answers_as_specified(bio, "/accounts/{accountId}/bio", "put")
    started = swipe(client, "task-0003")
    assert answers_as_specified(started, "/accounts/{accountId}/swipe-tasks", "post")
    task_id = started.json()["taskId"]
    assert answers_as_specified(client.get(f"/tasks/{task_id}"), "/tasks/{taskId}", "get")
    assert answers_as_specified(
        client.get("/tasks", params={"idempotencyKey": "task-0003"}), "/tasks", "get"
    )
    assert answers_as_specified(
        client.post(f"/tasks/{task_id}/cancel"), "/tasks/{taskId}/cancel", "post"
    )


@pytest.mark.parametrize(
    ("call", "body", "key", "status"),
    [
        ("PUT /accounts/a1", {"modelId": 7}, "key-00001", 422),
        ("PUT /accounts/a1", {"password": "x"}, "key-00001", 422),
        (f"PUT /accounts/{'a' * 129}", {}, "key-00001", 422),
        ("PUT /accounts/a1/prompt", {"text": ""}, "key-00001", 422),
        ("PUT /accounts/a1/prompt", {"text": "x" * 301}, "key-00001", 422),
        ("PUT /accounts/a1/bio", {"text": "x", "question": "y"}, "key-00001", 422),
        ("POST /accounts/a1/swipe-tasks", {"count": 0}, "key-00001", 422),
        ("POST /accounts/a1/swipe-tasks", {"count": 301}, "key-00001", 422),
        ("POST /accounts/a1/swipe-tasks", {"count": 5}, "short", 422),
        ("POST /accounts/a1/swipe-tasks", {"count": 5}, None, 422),
        ("POST /accounts/unknown/swipe-tasks", {"count": 5}, "key-00001", 409),
        ("GET /tasks/unknown", None, None, 404),
        ("GET /tasks", None, None, 422),
        ("GET /tasks?idempotencyKey=abcdefgh&other=1", None, None, 422),
        ("GET /accounts/unknown", None, None, 404),
        ("POST /tasks/unknown/cancel", None, None, 404),
        ("DELETE /tasks/unknown", None, None, 405),
        ("GET /nothing", None, None, 404),
    ],
)
def test_bad_requests_are_refused(
    client: httpx.Client, call: str, body: object, key: str | None, status: int
) -> None:
    """A request that violates the specification returns a problem and does nothing."""
    register(client)
    method, _, path = call.partition(" ")
    response = client.request(
        method, path, json=body, headers={"idempotency-key": key} if key else {}
    )
    assert (response.status_code, response.headers["content-type"]) == (
        status,
        "application/problem+json",
    )
    assert client.get("/_sim/ledger").json()["jobs"] == []


def test_no_token_no_service(service: ActionsService) -> None:
    """A request without the token is refused."""
    assert httpx.get(f"{service.url}/accounts/a1").status_code == 401
    assert (
        httpx.get(
            f"{service.url}/accounts/a1", headers={"authorization": "Bearer other"}
        ).status_code
        == 401
    )


def test_same_key_same_task(client: httpx.Client) -> None:
    """Same key and body return the same task, also a failed one; another body is refused."""
    register(client)
    fault(client, kind="fail_job")
    first = swipe(client)
    assert finished(client, first.json()["taskId"])["status"] == "failed"
    assert swipe(client).json() == first.json()
    assert swipe(client, count=6).status_code == 422
    assert swipe(client, "task-0002").json() != first.json()
    assert len(client.get("/_sim/ledger").json()["jobs"]) == 2


def test_registration_is_repeatable(client: httpx.Client) -> None:
    """A repeated registration changes nothing; its key is refused for other content."""
    assert register(client).json() == {"id": "a1", "status": "active"}
    assert register(client).status_code == 200
    assert register(client, modelId="other").status_code == 422
    assert register(client, key="a1:000002", modelId="other").status_code == 200
    (account,) = client.get("/_sim/ledger").json()["accounts"]
    assert account["model_id"] == "other"


def test_credentials_stay_in_the_call(client: httpx.Client, tmp_path: Path) -> None:
    """Credentials are neither in the state file nor in the ledger."""
    register(client, credentials={"password": "planted-needle"})
    assert (
        "planted-needle"
        not in (tmp_path / "actions.jsonl").read_text() + client.get("/_sim/ledger").text
    )


def test_a_job_takes_its_time(client: httpx.Client) -> None:
    """A job is pending, running, then succeeded with counts; a cancel changes none of it."""
    client.post("/_sim/settings", json={"swipe_seconds": 0.4})
    register(client)
    task_id = swipe(client).json()["taskId"]
    assert client.get(f"/tasks/{task_id}").json()["status"] == "pending"
    time.sleep(0.1)
    assert client.get(f"/tasks/{task_id}").json()["status"] == "running"
    result = finished(client, task_id)["result"]
    assert result["performed"] == 5
    assert 0 <= result["matches"] <= 5
    assert client.post(f"/tasks/{task_id}/cancel").json()["status"] == "succeeded"


def test_an_open_job_is_cancelled(client: httpx.Client) -> None:
    """A cancel ends a job that is at work."""
    client.post("/_sim/settings", json={"swipe_seconds": 60})
    register(client)
    task_id = swipe(client).json()["taskId"]
    assert client.post(f"/tasks/{task_id}/cancel").json()["status"] == "cancelled"
    assert client.get(f"/tasks/{task_id}").json()["status"] == "cancelled"


def test_throttling_comes_with_retry_after(client: httpx.Client) -> None:
    """503 and 429 have a Retry-After, are sent as often as requested, and do nothing."""
    register(client)
    fault(client, kind="unavailable", count=2, retryAfter=7)
    fault(client, kind="throttle")
    answers = [swipe(client) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [503, 503, 429, 202]
    assert answers[0].headers["retry-after"] == "7"
    assert all(
        answers_as_specified(answer, "/accounts/{accountId}/swipe-tasks", "post")
        for answer in answers
    )
    assert len(client.get("/_sim/ledger").json()["jobs"]) == 1


def test_a_lost_response_leaves_the_work_done(client: httpx.Client) -> None:
    """The work is done, the connection is reset, and a look-up by key finds the job."""
    register(client)
    fault(client, kind="drop")
    with pytest.raises(httpx.TransportError):
        swipe(client)
    (task,) = client.get("/tasks", params={"idempotencyKey": "task-0001"}).json()["items"]
    assert swipe(client).json()["taskId"] == task["taskId"]
    writes = [
        write
        for write in client.get("/_sim/ledger").json()["writes"]
        if write["operation"] == "startSwipeTask"
    ]
    assert [(write["status"], write["effect"]) for write in writes] == [(None, True), (202, False)]
    assert writes[0]["bodyHash"] == writes[1]["bodyHash"]


def test_faults_hit_what_they_name(client: httpx.Client) -> None:
    """A fault may apply to one operation and one account only."""
    register(client)
    fault(client, kind="refuse", operation="updateBio", account="a1")
    assert swipe(client).status_code == 202
    assert (
        client.put(
            "/accounts/a1/bio", json={"text": "x"}, headers={"idempotency-key": "task-0002"}
        ).status_code
        == 422
    )
    assert client.post("/_sim/faults", json={"kind": "thunder"}).status_code == 422


def test_a_service_that_is_down_resets_connections(client: httpx.Client) -> None:
    """Every connection is reset; the routes of the simulation still respond."""
    client.post("/_sim/settings", json={"down": True})
    with pytest.raises(httpx.TransportError):
        client.get("/accounts/a1")
    client.post("/_sim/settings", json={"down": False})
    assert client.get("/accounts/a1").status_code == 404


def test_a_suspended_account_takes_no_effect(client: httpx.Client) -> None:
    """A suspended account refuses writes until it is active again."""
    register(client)
    client.post("/_sim/accounts/a1", json={"status": "suspended"})
    assert client.get("/accounts/a1").json()["status"] == "suspended"
    assert swipe(client).status_code == 409
    client.post("/_sim/accounts/a1", json={"status": "active"})
    assert swipe(client).status_code == 202


def test_an_old_fence_is_refused(client: httpx.Client) -> None:
    """A write with an older fencing token than an earlier write is refused."""
    register(client)
    assert swipe(client, "task-0001", fence=7).status_code == 202
    assert swipe(client, "task-0002", fence=6).status_code == 409
    assert swipe(client, "task-0003", fence=8).status_code == 202


def test_overlapping_writes_are_noticed(client: httpx.Client, service: ActionsService) -> None:
    """Two writes for one account at the same time are recorded; for two accounts they are not."""
    register(client)
    register(client, "a2", "a2:000001")
    service.provider.change({"latency": 0.2})
    threads = [
        threading.Thread(target=swipe, args=(client, f"task-000{n}", account))
        for n, account in enumerate(["a1", "a1", "a2"])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (overlap,) = client.get("/_sim/ledger").json()["overlaps"]
    assert overlap["account"] == "a1"


def test_state_survives_a_kill(
    client: httpx.Client, service: ActionsService, tmp_path: Path
) -> None:
    """Accepted writes are known after a kill; an incomplete last line is dropped."""
    register(client)
    task = swipe(client).json()
    before = client.get("/_sim/ledger").json()
    with (tmp_path / "actions.jsonl").open("a") as file:
        file.write('["accepted", {"job": {"task_id": "ha')
    again = ActionsService(token=TOKEN, state_file=tmp_path / "actions.jsonl")
    again.start()
    with httpx.Client(base_url=again.url, headers={"authorization": f"Bearer {TOKEN}"}) as other:
        assert swipe(other).json() == task
        after = other.get("/_sim/ledger").json()
        assert after["writes"][:-1] == before["writes"]
        assert len(after["jobs"]) == 1
    again.stop()


def test_a_kill_between_any_two_entries_leaves_one_job_per_key(
    client: httpx.Client, tmp_path: Path
) -> None:
    """I5: after a kill at any entry of the file, the same key returns one job."""
    register(client)
    swipe(client)
    lines = (tmp_path / "actions.jsonl").read_text().splitlines(keepends=True)
    for kept in range(len(lines) + 1):
        state = tmp_path / f"killed-{kept}.jsonl"
        state.write_text("".join(lines[:kept]))
        again = ActionsService(token=TOKEN, state_file=state)
        again.start()
        with httpx.Client(
            base_url=again.url, headers={"authorization": f"Bearer {TOKEN}"}
        ) as other:
            register(other)
            assert swipe(other).status_code == 202
            assert [job["key"] for job in other.get("/_sim/ledger").json()["jobs"]] == ["task-0001"]
        again.stop()


def test_forgotten_keys_are_unknown(client: httpx.Client) -> None:
    """A look-up by a key that is too old finds nothing."""
    register(client)
    swipe(client)
    client.post("/_sim/forget-keys")
    assert client.get("/tasks", params={"idempotencyKey": "task-0001"}).json() == {"items": []}


def test_pages_of_another_origin_are_refused(client: httpx.Client) -> None:
    """A page of another origin can change nothing, by name or by address."""
    assert client.post("/_sim/forget-keys", headers={"host": "evil.example:80"}).status_code == 403
    assert (
        client.post("/_sim/forget-keys", headers={"origin": "https://evil.example"}).status_code
        == 403
    )
