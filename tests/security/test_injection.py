"""Control: a path, filter or cursor is a value, never SQL, a pattern or a header."""

from __future__ import annotations

import base64
import json
import re
import socket
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.integration.services.engine import Engine
from tests.security.described import ROUTES, Route, name
from tests.security.front import Front
from tests.security.snapshot import everything
from tests.support.stores import failed

WITH_ID = [route for route in ROUTES if "{" in route.path]
SQL = (
    "'",
    "''",
    '"',
    "\\",
    "\\'",
    "%",
    "_",
    "%%",
    "*",
    "?",
    ";",
    "--",
    "/*",
    "*/",
    "$$",
    "$1",
    ":id",
    "%(id)s",
    "%s",
    "{}",
    "{id}",
    "`",
    "' or 1=1 --",
    "' or ''='",
    "1; drop table accounts",
    "'; select pg_sleep(5); --",
    "' union select 1 --",
    "\\x27",
    "\u2019 or 1=1",
    "\uff07 or 1=1",
    "null",
    "true",
    "0",
    "-1",
    "1e309",
    "()",
    "(select 1)",
    "||",
    "a' || 'b",
    "E'\\x'",
    "\t",
    "\n",
    "\u00a0",
)
PATHS = (
    "../accounts",
    "..%2f..%2fstats",
    "%2e%2e%2f",
    "..%252f",
    "%252e%252e",
    "..;/",
    ".%00./",
    "%00",
    "a%00b",
    "a%0d%0ab",
    "a%0d%0aX-Evil:1",
    "%ff%fe",
    "%c0%ae%c0%ae",
    "a/b",
    "a%2fb",
    "a\\b",
    "%5c..%5c",
    "a?b",
    "a%3fb",
    "a#b",
    "a%23b",
    "*",
    "a;b",
    "a=b",
    "%",
    "%zz",
    "%u0041",
    "~root",
    "file:%2f%2f",
    "http:%2f%2f169.254.169.254",
    "|id",
    "$(id)",
    "`id`",
    "{{7*7}}",
    "${7*7}",
    "<x>",
    "%E2%80%AE",
    "%F0%9F%98%80",
)
TEXT_FILTERS = ("accountId", "stepId", "error")


@pytest.fixture(autouse=True)
def unchanged(front: Front) -> Iterator[None]:
    """Reading changes nothing, whatever is searched for."""
    before = everything(front.database)
    yield
    assert everything(front.database) == before


@pytest.mark.parametrize("parameter", TEXT_FILTERS)
def test_a_filters_text_is_a_text(front: Front, parameter: str) -> None:
    """A filter's text is literal: it finds the workflow that has it, or none."""
    for text in SQL:
        answer = front.api.get("/v1/workflows", params={parameter: text})
        assert (answer.status_code, answer.json()) == (200, {"items": [], "nextCursor": None}), text
    for other in ("status", "type", "dueBefore", "limit", "cursor"):
        for text in SQL:
            if not (other == "type" and re.fullmatch("[a-z0-9_]+", text)):
                assert front.api.get("/v1/workflows", params={other: text}).status_code == 422, (
                    other,
                    text,
                )


@pytest.mark.parametrize(
    "forged",
    [
        ["2026-01-01T00:00:00Z", "x' or 1=1"],
        ["2026-01-01T00:00:00Z'; drop table accounts; --", "00000000-0000-4000-8000-000000000000"],
        ["2026-01-01T00:00:00Z", {"$ne": None}],
        ["0001-01-01T00:00:00+23:59", "00000000-0000-4000-8000-000000000000"],
        [["2026-01-01T00:00:00Z"], ["00000000-0000-4000-8000-000000000000"]],
        ["now()", "00000000-0000-4000-8000-000000000000"],
        [1e308, 0],
        ["infinity", "00000000-0000-4000-8000-000000000000"],
        {"at": "2026-01-01T00:00:00Z"},
        "text",
        None,
        [],
        ["2026-01-01T00:00:00Z"] * 3,
    ],
    ids=str,
)
def test_a_forged_cursor_goes_nowhere(front: Front, forged: object) -> None:
    """A cursor that no list made is a 422 with a pointer."""
    encoded = base64.urlsafe_b64encode(json.dumps(forged).encode()).rstrip(b"=").decode()
    for path in (
        "/v1/workflows",
        "/v1/tasks/failed",
        "/v1/workflows/00000000-0000-4000-8000-000000000000/history",
    ):
        answer = front.api.get(path, params={"cursor": encoded})
        assert answer.status_code in (404, 422), answer.text
        assert answer.status_code == 404 or [
            error["pointer"] for error in answer.json()["errors"]
        ] == ["/cursor"]


def test_a_zone_that_postgres_does_not_know_is_no_failure(front: Front) -> None:
    """A cursor with a zone offset of eighteen hours means the same moment in UTC."""
    place = ["2026-01-01T00:00:00+18:32", "00000000-0000-4000-8000-000000000000"]
    encoded = base64.urlsafe_b64encode(json.dumps(place).encode()).rstrip(b"=").decode()
    for path in ("/v1/workflows", "/v1/tasks/failed"):
        assert front.api.get(path, params={"cursor": encoded}).json() == {
            "items": [],
            "nextCursor": None,
        }


@pytest.mark.parametrize("route", WITH_ID, ids=name)
def test_an_id_stays_in_its_place(front: Front, route: Route) -> None:
    """A raw id with traversal, double encoding, NUL or a line break is a client error."""
    host, _, port = front.gateway.url.removeprefix("http://").partition(":")
    for odd in PATHS:
        target = route.at(id=odd, type=odd, version=odd).replace(" ", "%20")
        head = (
            f"{route.method} {target} HTTP/1.1\r\nHost: {host}:{port}\r\n"
            f"Authorization: Bearer {front.token}\r\nConnection: close\r\n\r\n"
        )
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(head.encode("latin-1"))
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        first = answer.partition(b"\r\n")[0]
        assert first.split()[1] in (b"400", b"401", b"404", b"405", b"422", b"428"), (odd, first)
        assert b"X-Evil" not in answer
        assert b"Traceback" not in answer


def test_a_pattern_in_a_filter_is_read_literally(front: Front, engine: Engine) -> None:
    """The filter `error` matches anywhere, and per cent, underscore and backslash are literal."""
    del engine
    errors = ["50% off", "a_b", "back\\slash", "it's", "plain"]
    started = [failed(front.database).instance_id for _ in errors]
    try:
        for instance, error in zip(started, errors, strict=True):
            front.database.rows(
                "update workflow_instances set last_error = %s where id = %s", (error, instance)
            )
        for text, found in (
            ("%", ["50% off"]),
            ("_", ["a_b"]),
            ("\\", ["back\\slash"]),
            ("'", ["it's"]),
            ("0% o", ["50% off"]),
            ("a%b", []),
        ):
            items = (
                front.api.get("/v1/workflows", params={"error": text})
                .raise_for_status()
                .json()["items"]
            )
            assert [item["lastError"] for item in items] == found
    finally:
        for table in (
            "step_history",
            "scheduled_tasks",
            "workflow_instances",
            "accounts",
            "workflow_definitions",
        ):
            where = (
                " where type not in ('default', 'test', 'aggressive')"
                if table == "workflow_definitions"
                else ""
            )
            front.database.rows(f"delete from {table}{where}")
        front.database.rows("delete from audit_log where actor <> 'deploy'")


IDS = (
    "a",
    "a..b",
    "a:1",
    "a@b.c",
    "A+b",
    "a-",
    "a%2Fb".replace("%2F", "."),
    "0",
    "1e9",
    "null",
    "a:b:c:1",
    "x" * 128,
)


def test_an_accounts_id_is_one_segment_and_one_key(engine: Engine) -> None:
    """For each kind of account id the service is called for exactly that account."""
    engine.define({"id": "bio", "action": "add_bio", "bio": "Fond of long walks."})
    started = [engine.start(account=account) for account in IDS]
    engine.drive(lambda: all(engine.status(one) != "active" for one in started))
    assert {engine.status(one) for one in started} == {"completed"}
    for account in IDS:
        assert [write["operation"] for write in engine.writes(account=account)] == [
            "registerAccount",
            "updateBio",
        ]
    keys = [
        key
        for account in IDS
        for operation in ("registerAccount", "updateBio")
        for key in engine.keys(operation, account)
    ]
    assert len(set(keys)) == 2 * len(IDS)


def test_what_could_be_a_path_or_a_header_is_no_id(front: Front) -> None:
    """An import accepts no id that could be part of a path or a header."""
    bad = [
        "a/b",
        "../a",
        ".a",
        "..",
        "a b",
        "a\r\nX: 1",
        "a%2fb",
        "a?b",
        "a#b",
        "a\0",
        "\u00e4",
        "a\u200b",
        "",
        "-a",
        "a" * 129,
        "a\\b",
        "a\t",
        "a\n",
    ]
    results = front.load(*({"accountId": one} for one in bad))
    assert {result["status"] for result in results} == {"rejected"}
    for one in bad:
        assert front.api.get(f"/v1/accounts/{quote(one, safe='')}").status_code in (404, 405)
