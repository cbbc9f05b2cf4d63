"""Reading over HTTP: lists, pages, statistics and health."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.integration.http.conftest import Api

UNKNOWN = "00000000-0000-4000-8000-000000000000"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def pages(http: Api, path: str, query: str = "") -> list[dict[str, Any]]:
    """Return every item of a list, page by page."""
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = http.call("GET", path, query=f"{query}{cursor}")
        assert answer.status == 200, answer.body
        items += answer.body["items"]
        if answer.body["nextCursor"] is None:
            return items
        cursor = f"&cursor={answer.body['nextCursor']}"


def names_of(document: Any) -> set[str]:
    """Return the names of all members at any depth, except in free-form objects."""
    if isinstance(document, dict):
        free = {"executionContext", "gotoIterations", "config", "steps", "instances"}
        return set(document) | {
            name for key, member in document.items() if key not in free for name in names_of(member)
        }
    return (
        {name for member in document for name in names_of(member)}
        if isinstance(document, list)
        else set()
    )


def test_pages_hold_everything_once(http: Api) -> None:
    """Pages hold every workflow once, newest first, whatever the size of a page."""
    http.load(*({"accountId": f"a{n}", "modelId": "m", "channelId": "c"} for n in range(7)))
    everything = pages(http, "/v1/workflows", "limit=200")
    assert len({item["id"] for item in everything}) == 7
    for limit in (1, 2, 3, 7):
        assert pages(http, "/v1/workflows", f"limit={limit}") == everything


@pytest.mark.parametrize(
    ("query", "accounts"),
    [
        ("status=active", {"b"}),
        ("status=paused", {"a"}),
        ("type=test", {"b"}),
        ("accountId=a", {"a"}),
        ("stepId=initial_wait", {"a"}),
        ("stepId=initial_wait&status=active", set()),
        ("error=account_suspended", set()),
        ("dueBefore=2000-01-01T00:00:00Z", set()),
        ("dueBefore=2999-01-01T00:00:00%2B02:00&type=test", {"b"}),
    ],
)
def test_filters_narrow_the_list(http: Api, query: str, accounts: set[str]) -> None:
    """Each filter narrows the list, alone and together."""
    paused = http.started("a")
    http.started("b", "test")
    http.call("POST", f"/v1/workflows/{paused}/pause")
    assert {item["accountId"] for item in pages(http, "/v1/workflows", query)} == accounts


def test_a_workflow_on_the_wire(http: Api) -> None:
    """A workflow has all of its fields in camelCase, times with Z, and no account data."""
    shown = http.call("GET", f"/v1/workflows/{http.started()}").body
    assert list(shown) == [
        "id", "accountId", "workflowType", "workflowVersion", "status", "currentStep",
        "currentStepId", "totalSteps", "nextActionAt", "lastError", "startedAt", "finishedAt",
        "pausedAt", "updatedAt", "revision", "executionContext", "gotoIterations", "task",
        "effectInFlight", "allowedActions",
    ]  # fmt: skip
    assert all(TIME.fullmatch(shown[name]) for name in ("nextActionAt", "startedAt", "updatedAt"))
    assert shown["allowedActions"] == ["pause", "stop", "run-now", "skip-step"]
    assert shown["task"]["scheduledFor"] == shown["nextActionAt"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/workflows",
        "/v1/accounts/a",
        "/v1/control",
        "/v1/definitions",
        "/v1/stats",
        "/v1/stats/due",
        "/v1/tasks/failed",
        "/v1/health",
    ],
)
def test_every_answer_is_camel_case(http: Api, path: str) -> None:
    """No member of a response is in snake_case."""
    http.started()
    answer = http.call("GET", path, scopes="flamebot/read flamebot/admin")
    assert answer.status == 200, answer.body
    assert {name for name in names_of(answer.body) if "_" in name} == set()


def test_history_in_pages(http: Api) -> None:
    """A history is paged oldest first without gaps; an unknown workflow gets 404."""
    instance_id = http.started("a", "test")
    for _ in range(3):
        http.call("POST", f"/v1/workflows/{instance_id}/skip-step")
    entries = pages(http, f"/v1/workflows/{instance_id}/history", "limit=2")
    assert [(entry["sequence"], entry["stepId"]) for entry in entries] == [
        (1, "wait"),
        (2, "add_prompt"),
        (3, "test_swipe"),
    ]
    assert all(TIME.fullmatch(entry["finishedAt"]) for entry in entries)
    assert (
        http.call("GET", "/v1/workflows/00000000-0000-4000-8000-000000000000/history").status == 404
    )


def test_failed_tasks(http: Api) -> None:
    """Failed workflows are listed with their last task and its error."""
    instance_id = http.started()
    assert http.call("GET", "/v1/tasks/failed").body == {"items": [], "nextCursor": None}
    http.database.rows(
        "update scheduled_tasks set status = 'failed', finished_at = clock_timestamp(),"
        " error = 'refused: no' where is_live"
    )
    http.database.rows(
        "update workflow_instances set status = 'failed', finished_at = clock_timestamp(),"
        " last_error = 'refused: no'"
    )
    (failed,) = http.call("GET", "/v1/tasks/failed").body["items"]
    assert (failed["taskId"], failed["instanceId"], failed["error"]) == (
        f"{instance_id}:1",
        instance_id,
        "refused: no",
    )
    assert [item["id"] for item in pages(http, "/v1/workflows", "error=refused")] == [instance_id]


def test_statistics(http: Api) -> None:
    """Statistics have counts by status and the due tasks by the minute."""
    http.started("a")
    http.started("b", "test")
    stats = http.call("GET", "/v1/stats").body
    assert (
        stats["workflows"]["active"],
        stats["workflows"]["failed"],
        stats["accounts"]["active"],
    ) == (2, 0, 2)
    due = http.call("GET", "/v1/stats/due", query="minutes=3").body["items"]
    assert (len(due), sum(minute["tasks"] for minute in due)) == (3, 1)
    assert all(TIME.fullmatch(minute["minute"]) for minute in due)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/workflows"),
        ("GET", "/v1/accounts/a"),
        ("DELETE", "/v1/accounts/a"),
        ("POST", "/v1/accounts/a/workflows"),
        ("POST", f"/v1/workflows/{UNKNOWN}/pause"),
        ("POST", f"/v1/workflows/{UNKNOWN}/retry"),
        ("GET", "/v1/definitions/default"),
        ("GET", "/v1/stats"),
        ("POST", "/v1/control/pause-all"),
    ],
)
def test_a_database_that_is_away(
    http: Api, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    """An unreachable database gets 503 with Retry-After and without its address."""
    monkeypatch.setattr(http.database, "url", "postgresql://user:hunter2@127.0.0.1:9/nowhere")
    answer = http.call(method, path)
    assert (answer.status, answer.body["code"], answer.headers["Retry-After"]) == (
        503,
        "database_unavailable",
        "5",
    )
    assert "hunter2" not in answer.text + repr(http.telemetry.lines)


def test_the_description_is_served(http: Api) -> None:
    """The OpenAPI document is served without a token and equals the committed one."""
    answer = http.call("GET", "/openapi.json", scopes=None)
    assert (answer.status, answer.body["openapi"]) == (200, "3.1.0")
    assert "/v1/accounts/import" in json.dumps(answer.body["paths"])
