"""Imports by file over HTTP: create, show, list and cancel them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from flamebot.adapters.clock.system import SystemClock
from flamebot.domain.errors import ValidationIssue
from flamebot.domain.import_message import decode
from flamebot.ports.import_store import RejectedRow
from tests.integration.http.conftest import Api, ApiResponse
from tests.support.imports import a_row, begun, store

ASK: dict[str, Any] = {
    "bytes": 1000,
    "fileName": "a.csv",
    "startAutomation": True,
    "workflowType": "test",
    "spreadSeconds": 60,
}


def announce(http: Api, **fields: Any) -> ApiResponse:
    """Create an import by file over the API."""
    return http.call("POST", "/v1/imports", body={**ASK, **fields})


def test_an_import_is_created_with_an_upload_address(http: Api) -> None:
    """201 with an address that is valid for an hour and for the announced size only."""
    answer = announce(http)
    assert answer.status == 201, answer.text
    upload = answer.body.pop("upload")
    import_id = answer.body["importId"]
    assert answer.headers["Location"] == f"/v1/imports/{import_id}"
    assert (upload["method"], upload["headers"]) == (
        "PUT",
        {"Content-Length": "1000", "If-None-Match": "*"},
    )
    assert f"/imports/{import_id}?" in upload["url"]
    valid = datetime.fromisoformat(upload["expiresAt"]) - SystemClock().wall()
    assert timedelta(minutes=59) < valid <= timedelta(hours=1)
    shown = http.call("GET", f"/v1/imports/{import_id}").body
    assert shown == answer.body
    assert (shown["status"], shown["workflowType"], shown["workflowVersion"], shown["percent"]) == (
        "waiting",
        "test",
        1,
        0.0,
    )
    assert "X-Amz-Signature" not in repr(http.telemetry.lines)


def test_the_same_key_is_the_same_import(http: Api) -> None:
    """200 with a fresh address while the import waits; another body is refused."""
    key = {"idempotency-key": "k"}
    first = http.call("POST", "/v1/imports", body=ASK, headers=key)
    again = http.call("POST", "/v1/imports", body=ASK, headers=key)
    assert (first.status, again.status, again.headers["Idempotent-Replayed"]) == (201, 200, "true")
    assert again.body["importId"] == first.body["importId"]
    assert again.body["upload"] is not None
    other = http.call("POST", "/v1/imports", body={**ASK, "bytes": 999}, headers=key)
    assert (other.status, other.body["code"]) == (422, "idempotency_key_reused")
    store(http.database, begun(http.database, first.body["importId"]), to=1000, last=True)
    done = http.call("POST", "/v1/imports", body=ASK, headers=key)
    assert (done.status, done.body["status"], done.body["upload"]) == (200, "completed", None)
    assert (
        http.call("POST", "/v1/imports", body=ASK, headers={"idempotency-key": "\u00e4"}).status
        == 422
    )


@pytest.mark.parametrize(
    "change",
    [
        {"bytes": 0},
        {"bytes": 2**30 + 1},
        {"bytes": "1"},
        {"format": "xlsx"},
        {"fileName": "a\nb"},
        {"spreadSeconds": -1},
        {"url": "http://x"},
    ],
    ids=str,
)
def test_an_invalid_request_is_refused(http: Api, change: dict[str, Any]) -> None:
    """The issue has a pointer, and no import is created."""
    answer = announce(http, **change)
    assert answer.status == 422
    assert [error["pointer"] for error in answer.body["errors"]] == [f"/{name}" for name in change]
    assert http.database.value("select count(*) from imports") == 0


def test_an_unknown_definition_is_refused_before_the_upload(http: Api) -> None:
    """Without a start the type does not matter."""
    answer = announce(http, workflowType="nosuch")
    assert (answer.status, answer.body["code"]) == (422, "unknown_workflow_type")
    stored = announce(http, workflowType="nosuch", startAutomation=False)
    assert (stored.status, stored.body["startAutomation"], stored.body["workflowType"]) == (
        201,
        False,
        None,
    )


def test_imports_are_listed_newest_first(http: Api) -> None:
    """The pages follow each other without gaps."""
    ids = [announce(http, bytes=n).body["importId"] for n in range(1, 6)]
    seen, cursor = [], ""
    while True:
        page = http.call("GET", "/v1/imports", query=f"limit=2{cursor}").body
        seen += [item["importId"] for item in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert seen == ids[::-1]
    assert http.call("GET", "/v1/imports", query="cursor=nonsense").status == 422


def test_rejected_rows_are_listed_in_the_order_of_the_file(http: Api) -> None:
    """Each has line, account, code and errors."""
    import_id = announce(http, startAutomation=False).body["importId"]
    issue = (ValidationIssue("/modelId", "Must be a string."),)
    rejects = [
        RejectedRow(row=row, account_id="x" if row == 2 else None, code="invalid", issues=issue)
        for row in (2, 3, 5)
    ]
    store(
        http.database,
        begun(http.database, import_id),
        a_row("a", 4),
        rejects=rejects,
        to=1000,
        last=True,
    )
    path = f"/v1/imports/{import_id}/rejects"
    first = http.call("GET", path, query="limit=2").body
    assert first["items"][0] == {
        "row": 2,
        "accountId": "x",
        "code": "invalid",
        "errors": [{"pointer": "/modelId", "detail": "Must be a string."}],
    }
    rest = http.call("GET", path, query=f"cursor={first['nextCursor']}").body
    assert ([item["row"] for item in rest["items"]], rest["nextCursor"]) == ([5], None)
    shown = http.call("GET", f"/v1/imports/{import_id}").body
    assert (shown["rowsRead"], shown["imported"], shown["rejected"], shown["percent"]) == (
        4,
        1,
        3,
        100.0,
    )


def test_cancelling_wakes_a_worker_to_delete_the_file(http: Api) -> None:
    """A repeated cancel returns 200, one of an ended import 409; the audit log names the caller."""
    import_id = announce(http).body["importId"]
    for _ in range(2):
        answer = http.call("POST", f"/v1/imports/{import_id}/cancel", body={"reason": "wrong file"})
        assert (answer.status, answer.body["status"]) == (200, "cancelled")
    assert [decode(body) for body in http.messages()] == [import_id] * 2
    (entry, _) = http.database.rows("select * from audit_log where action = 'cancel_import'")
    assert (entry["actor"], entry["reason"], entry["subject"]) == (
        "operator",
        "wrong file",
        f"import/{import_id}",
    )
    done = announce(http).body["importId"]
    store(http.database, begun(http.database, done), to=1000, last=True)
    assert http.call("POST", f"/v1/imports/{done}/cancel").status == 409


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("GET", "/rejects"), ("POST", "/cancel")]
)
def test_an_unknown_import_is_a_404(http: Api, method: str, path: str) -> None:
    """Also when the id is not a UUID."""
    for import_id in (str(uuid4()), "nonsense", "..%2fx"):
        assert http.call(method, f"/v1/imports/{import_id}{path}").status == 404


def test_each_call_needs_its_scope(http: Api) -> None:
    """`read` reads; only `accounts.write` creates and cancels imports."""
    import_id = announce(http).body["importId"]
    reading, writing = "flamebot/read", "flamebot/accounts.write"
    assert http.call("POST", "/v1/imports", body=ASK, scopes=reading).status == 403
    assert http.call("POST", f"/v1/imports/{import_id}/cancel", scopes=reading).status == 403
    for path in ("", f"/{import_id}", f"/{import_id}/rejects"):
        assert http.call("GET", f"/v1/imports{path}", scopes=writing).status == 403
        assert http.call("GET", f"/v1/imports{path}", scopes=reading).status == 200
