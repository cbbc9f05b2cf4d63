"""`flamebot import` with large files, and `flamebot imports`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli import import_watch
from tests.unit.cli.canned import NOW, CannedApi, Reply, RequestModel, problem
from tests.unit.cli.conftest import Flamebot

ID = "018f3a5e-0000-4000-8000-000000000007"
CREATE, SHOW, REJECTS = (
    ("POST", "/v1/imports"),
    ("GET", f"/v1/imports/{ID}"),
    ("GET", f"/v1/imports/{ID}/rejects"),
)
TEXT = "accountId,credentials.token\n" + "".join(f"a{n},planted-{n}\n" for n in range(1001))


def shown(status: str = "completed", **changes: Any) -> dict[str, Any]:
    """Return an import as GET shows it."""
    return {
        "importId": ID,
        "status": status,
        "fileName": "a.csv",
        "format": "csv",
        "startAutomation": True,
        "workflowType": "default",
        "workflowVersion": 1,
        "spreadSeconds": 0,
        "bytes": 1000,
        "bytesRead": 500,
        "percent": 50.0,
        "rowsRead": 1001,
        "imported": 1001,
        "created": 1001,
        "updated": 0,
        "started": 1001,
        "alreadyActive": 0,
        "notStarted": 0,
        "rejected": 0,
        "error": None,
        "createdBy": "me",
        "createdAt": NOW,
        "startedAt": NOW,
        "finishedAt": None,
        "updatedAt": NOW,
        **changes,
    }


class Bucket:
    """The address that a file is uploaded to."""

    def __init__(self, api: CannedApi, *answers: int) -> None:
        self.api = api
        self.answers = list(answers) or [200]
        self.sent: list[RequestModel] = []
        api.on("PUT", "/bucket/imports/x", self.take)

    def take(self, request: RequestModel) -> Reply:
        """Accept an upload and keep its bytes."""
        self.sent.append(request)
        return Reply(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0], b"")

    def target(self) -> dict[str, Any]:
        """Return the `upload` of a created import."""
        size = str(self.api.requests[-1].body["bytes"])
        headers = {"Content-Length": size, "If-None-Match": "*"}
        return {
            "url": f"{self.api.url}/bucket/imports/x?X-Amz-Signature=s",
            "method": "PUT",
            "headers": headers,
            "expiresAt": NOW,
        }


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace every sleep by none."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)


@pytest.fixture
def bucket(api: CannedApi) -> Bucket:
    """Return a bucket of an API that imports the uploaded file at once."""
    bucket = Bucket(api)
    api.on(
        *CREATE,
        lambda _request: Reply(201, {**shown("waiting", rowsRead=0), "upload": bucket.target()}),
    )
    api.on(*SHOW, Reply(200, shown("waiting")), Reply(200, shown("running")), Reply(200, shown()))
    return bucket


def write(text: str = TEXT, name: str = "a.csv") -> str:
    """Write a file of more than a thousand rows and return its name."""
    Path(name).write_text(text, encoding="utf-8")
    return name


def test_a_large_file_is_uploaded_as_a_whole(
    api: CannedApi, bucket: Bucket, flamebot: Flamebot
) -> None:
    """An import is created with size and key, the file uploaded without the token, and watched."""
    ran = flamebot("import", write(), "--type", "test", "--spread", "6h")
    assert (ran.exit, "1,001 rows: 1,001 imported, 1,001 started" in ran.out) == (0, True)
    assert ID in ran.err
    created = api.requests[0]
    assert created.body == {
        "bytes": len(TEXT.encode()),
        "format": "csv",
        "fileName": "a.csv",
        "startAutomation": True,
        "workflowType": "test",
        "spreadSeconds": 21600,
    }
    (sent,) = bucket.sent
    assert sent.headers["content-length"] == str(len(TEXT.encode()))
    assert sent.headers["if-none-match"] == "*"
    assert "authorization" not in sent.headers
    assert "planted" not in created.headers["idempotency-key"] + ran.out + ran.err


def test_large_json_lines_are_uploaded_and_small_ones_are_not(
    api: CannedApi, bucket: Bucket, flamebot: Flamebot
) -> None:
    """A thousand rows fit into a request; one more, and the file is uploaded."""
    lines = "".join(json.dumps({"accountId": f"a{n}"}) + "\n" for n in range(1001))
    assert flamebot("import", write(lines, "a.jsonl"), "--no-start").exit == 0
    assert (api.requests[0].body["format"], api.requests[0].body["startAutomation"]) == (
        "jsonl",
        False,
    )
    api.requests.clear()
    stored = {"status": "created", "workflow": {"instanceId": None, "status": "not_requested"}}
    results = [{"index": n, "accountId": f"a{n}", **stored} for n in range(1000)]
    api.on(
        "POST",
        "/v1/accounts/import",
        Reply(200, {"imported": 1000, "started": 0, "rejected": 0, "results": results}),
    )
    assert flamebot("import", write(lines.rpartition('{"accountId"')[0], "b.jsonl")).exit == 0
    assert [len(request.body["accounts"]) for request in api.requests] == [1000]


def test_the_same_file_is_the_same_import(
    api: CannedApi, bucket: Bucket, flamebot: Flamebot
) -> None:
    """A repeated run has the same key: it watches a running import and reports an ended one."""
    flamebot("import", write())
    api.on(
        *CREATE, Reply(200, {**shown("running"), "upload": None}, {"Idempotent-Replayed": "true"})
    )
    api.on(*SHOW, Reply(200, shown()))
    assert f"resuming import {ID}" in flamebot("import", "a.csv").err
    api.on(*CREATE, Reply(200, {**shown(), "upload": None}, {"Idempotent-Replayed": "true"}))
    assert flamebot("import", "a.csv").out.startswith("An earlier run within a day imported 1,001")
    ran = flamebot("import", "a.csv", "--json")
    assert ran.json["replayed"] == 1001
    assert "--again imports the file once more" in ran.err
    flamebot("import", "a.csv", "--type", "test")
    keys = [
        request.headers["idempotency-key"] for request in api.requests if request.method == "POST"
    ]
    assert len(set(keys[:4])) == 1
    assert keys[4] not in keys[:4]
    assert len(bucket.sent) == 1
    flamebot("import", "a.csv", "--again")
    assert api.requests[-2].headers["idempotency-key"] not in keys


@pytest.mark.parametrize("answers", [(503, 200), (500, 412)], ids=str)
def test_an_upload_is_repeated_until_it_succeeds(
    api: CannedApi, bucket: Bucket, flamebot: Flamebot, answers: tuple[int, ...]
) -> None:
    """412 means that an earlier try was received although its response was lost."""
    bucket.answers = list(answers)
    assert flamebot("import", write()).exit == 0
    assert len(bucket.sent) == 2


def test_a_refused_upload_says_what_to_do(
    api: CannedApi, bucket: Bucket, flamebot: Flamebot
) -> None:
    """An address that has expired: the same command gets a fresh one."""
    bucket.answers = [403]
    ran = flamebot("import", write())
    assert ran.exit == 1
    assert "Run the same command again" in ran.err
    assert "X-Amz-Signature" not in ran.err


def test_a_file_that_changes_while_it_is_sent_is_not_imported(
    api: CannedApi, bucket: Bucket, flamebot: Flamebot
) -> None:
    """The error says so; a file of another size would be refused anyway."""
    api.on(
        *CREATE,
        lambda request: Reply(
            201,
            {
                **shown("waiting"),
                "upload": bucket.target(),
                "x": Path("a.csv").write_text(TEXT[:500]),
            },
        ),
    )
    ran = flamebot("import", write())
    assert (ran.exit, "changed while it was sent" in ran.err) == (1, True)


def test_no_file_is_uploaded_without_tls(
    api: CannedApi, bucket: Bucket, flamebot: Flamebot
) -> None:
    """Whatever address the API returns; a loopback address is exempt."""
    api.on(
        *CREATE,
        Reply(
            201,
            {
                **shown("waiting"),
                "upload": {"url": "http://elsewhere.example.com/x", "method": "PUT", "headers": {}},
            },
        ),
    )
    ran = flamebot("import", write())
    assert (ran.exit, "without TLS" in ran.err) == (1, True)


def test_an_invalid_header_is_refused_before_the_upload(
    api: CannedApi, bucket: Bucket, flamebot: Flamebot
) -> None:
    """Nothing is sent to the API."""
    ran = flamebot("import", write(TEXT.replace("credentials.token", "surprise")))
    assert (ran.exit, "unknown column 'surprise'" in ran.err) == (2, True)
    assert api.requests == []


def test_rejected_rows_are_listed_by_line(
    api: CannedApi, bucket: Bucket, flamebot: Flamebot
) -> None:
    """The first fifty are listed with reasons; the exit code is 6."""
    api.on(*SHOW, Reply(200, shown(rejected=60, notStarted=1, imported=941)))
    issue = [{"pointer": "/modelId", "detail": "Must be a string."}]
    items = [
        {"row": n, "accountId": f"a{n}", "code": "invalid", "errors": issue} for n in range(2, 51)
    ]
    items += [
        {
            "row": 51,
            "accountId": "bare",
            "code": "account_incomplete",
            "errors": [{"pointer": "", "detail": "It is stored."}],
        }
    ]
    api.on(*REJECTS, Reply(200, {"items": items, "nextCursor": "more"}))
    ran = flamebot("import", write())
    assert ran.exit == 6
    assert ran.out.splitlines()[1].split() == [
        "line",
        "2",
        "a2",
        "rejected",
        "modelId:",
        "Must",
        "be",
        "a",
        "string.",
    ]
    assert "imported, not started" in ran.out
    assert f"... and 11 more: flamebot imports rejects {ID}" in ran.out


def test_a_failed_import_says_what_to_do(
    api: CannedApi, bucket: Bucket, flamebot: Flamebot
) -> None:
    """The error says what stays stored and that the file can be imported again."""
    error = "unreadable: The row that begins on line 900 is not CSV: its quotes are broken."
    api.on(*SHOW, Reply(200, shown("failed", rowsRead=898, error=error)))
    ran = flamebot("import", write())
    assert ran.exit == 6
    assert "The import failed after 898 rows" in ran.err
    assert "line 900 is not CSV" in ran.err
    assert "What was stored stays" in ran.err


def test_watching_continues_when_the_api_is_unavailable_for_a_moment(
    api: CannedApi, bucket: Bucket, flamebot: Flamebot
) -> None:
    """The import continues on the server, so the command polls on."""
    away = Reply(503, {"message": "Service Unavailable"})
    api.on(*SHOW, away, Reply(200, shown("running")), away, away, Reply(200, shown()))
    assert flamebot("import", write()).exit == 0


def test_control_c_stops_watching_only(
    api: CannedApi, bucket: Bucket, flamebot: Flamebot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The output says how to show and how to cancel the import."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(import_watch, "watch", interrupted)
    ran = flamebot("import", write())
    assert ran.exit == 130
    assert f"flamebot imports show {ID}" in ran.err
    assert f"flamebot imports cancel {ID}" in ran.err


def test_imports_are_listed_shown_and_cancelled(api: CannedApi, flamebot: Flamebot) -> None:
    """`flamebot imports` lists, shows and cancels imports and lists rejected rows."""
    api.on("GET", "/v1/imports", Reply(200, {"items": [shown("running")], "nextCursor": None}))
    api.on(*SHOW, Reply(200, shown("running")))
    api.on("POST", f"/v1/imports/{ID}/cancel", Reply(200, shown("cancelled")))
    api.on(*REJECTS, Reply(200, {"items": [], "nextCursor": None}))
    assert "running" in flamebot("imports", "list").out
    assert flamebot("imports", "list", "--json").json[0]["importId"] == ID
    assert "percent" in flamebot("imports", "show", ID).out
    assert flamebot("imports", "show", ID, "--json").json["status"] == "running"
    assert flamebot("imports", "rejects", ID, "--json").json == []
    ran = flamebot("imports", "cancel", ID, "--reason", "wrong file")
    assert "1,001 accounts stay" in ran.out
    assert api.requests[-1].body == {"reason": "wrong file"}
    api.on(
        "POST",
        f"/v1/imports/{ID}/cancel",
        problem(409, "not_allowed", "The import is over.", allowed=[]),
    )
    assert flamebot("imports", "cancel", ID).exit == 5


def test_a_list_of_imports_for_programs_is_complete(api: CannedApi, flamebot: Flamebot) -> None:
    """JSON has every import; a --limit that leaves some out is reported, with exit status 6."""

    def pages(request: RequestModel) -> Reply:
        first, size = int(request.query.get("cursor", 0)), int(request.query["limit"])
        items = [shown() for _ in range(first, min(first + size, 450))]
        return Reply(200, {"items": items, "nextCursor": str(first + size) if items else None})

    api.on("GET", "/v1/imports", pages)
    ran = flamebot("imports", "list", "--json")
    assert (len(ran.json), ran.exit, ran.err) == (450, 0, "")
    ran = flamebot("imports", "list", "--json", "--limit", "30")
    assert (len(ran.json), ran.exit) == (30, 6)
    assert "These are the latest 30; there are more: --all prints them." in ran.err
    ran = flamebot("imports", "list")
    assert (len(ran.out.splitlines()), ran.exit, "latest 20" in ran.err) == (21, 0, True)
    assert len(flamebot("imports", "list", "--all").out.splitlines()) == 451


def test_rejected_rows_that_are_not_kept_are_reported(
    api: CannedApi, bucket: Bucket, flamebot: Flamebot
) -> None:
    """An import keeps its first 10,000; output for programs says so and exits with 6."""
    issue = [{"pointer": "/modelId", "detail": "Must be a string."}]
    items = [{"row": n, "accountId": f"a{n}", "code": "invalid", "errors": issue} for n in (2, 3)]
    api.on(*REJECTS, Reply(200, {"items": items, "nextCursor": None}))
    api.on(*SHOW, Reply(200, shown(rejected=2)))
    assert flamebot("imports", "rejects", ID, "--json").exit == 0
    api.on(*SHOW, Reply(200, shown(rejected=3, notStarted=1)))
    for command in (["imports", "rejects", ID, "--json"], ["import", write(), "--json"]):
        ran = flamebot(*command)
        assert (ran.exit, "2 more were counted and are not listed" in ran.err) == (6, True)
