"""Control: input cannot write the log. Every line is one JSON object with our fields only."""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.parse import quote

import pytest

from tests.security.described import ROUTES, Route, name
from tests.security.front import Front
from tests.support.gateway import make_event

FORGED = '{"level":"ERROR","message":"forged","service":"api"}'
PAYLOADS = (
    f"x\r\n{FORGED}\r\n",
    f"x\n{FORGED}",
    f"\u2028{FORGED}\u2029",
    f"x\x85{FORGED}",
    f'", "message": "forged", "x": "{FORGED}',
    "\x1b[2J\x1b[31mforged\x1b[0m\x07",
    "%s %d %(message)s {0} {message} ${jndi:ldap://127.0.0.1:1/forged}",
    "\x00forged\x7f",
    "forged \u202e\u2066",
    '{"_aws":{"CloudWatchMetrics":[{"Namespace":"forged","Metrics":[{"Name":"forged"}]}]},"forged":1}',
    "forged" * 2000,
)
OURS = {
    "level",
    "location",
    "message",
    "timestamp",
    "service",
    "function_request_id",
    "request_id",
    "method",
    "route",
    "status",
    "code",
    "detail",
    "where",
    "imported",
    "rejected",
    "xray_trace_id",
}


@pytest.fixture(autouse=True)
def in_their_lines(front: Front) -> Any:
    """Assert that all logged lines are JSON with our fields and that none is forged."""
    yield
    entries = front.log_entries()
    assert entries
    for entry in entries:
        if "_aws" in entry:
            assert entry["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Flamebot"
            assert "forged" not in entry
            continue
        assert entry.keys() <= OURS, entry
        assert entry["message"] in (
            "request_handled",
            "accounts_imported",
            "import_sent",
            "request_failed",
        ), entry
    for line in front.log_lines():
        assert all(character.isprintable() for character in line), ascii(line)


@pytest.mark.parametrize("route", ROUTES, ids=name)
def test_a_request(front: Front, route: Route) -> None:
    """No part of a request, whatever control characters it holds, forges a log line."""
    function = front.functions[route.function]
    for payload in PAYLOADS:
        headers = {
            "x-request-id": payload,
            "idempotency-key": payload,
            "if-none-match": payload,
            "user-agent": payload,
            "content-type": payload,
        }
        events = [
            make_event(route.method, route.at(id=payload, type=payload, n=payload)),
            make_event(route.method, route.at(), query=f"{quote(payload)}={quote(payload)}"),
            make_event(route.method, route.at(), query=payload),
            make_event(route.method, route.at(), headers=headers, body={}),
            make_event(
                route.method,
                route.at(),
                body={
                    payload: payload,
                    "reason": payload,
                    "workflowType": payload,
                    "accounts": [payload],
                },
            ),
            make_event(route.method, route.at(), raw=payload),
            make_event(payload, route.at()),
            make_event(route.method, route.at(), query="no=such", sub=payload),
            make_event(route.method, route.at(), scopes=payload),
        ]
        events[-1]["requestContext"]["requestId"] = payload[:20] if payload.isprintable() else "r-1"
        for event in events:
            assert function.invoke(event, timeout=20)["statusCode"] < 500


def test_an_answer_carries_no_header_of_theirs(front: Front) -> None:
    """A request id that could end a header is replaced by the gateway's id."""
    for payload in (*PAYLOADS, "a b", "a:b\r\nSet-Cookie: x", "\u00e4", "x" * 129):
        answer = front.functions["api"].invoke(
            make_event("GET", "/v1/stats", headers={"X-Request-Id": payload}), timeout=20
        )
        assert answer["headers"]["X-Request-Id"] == "from-the-gateway"
        assert json.loads(json.dumps(answer["headers"])) == answer["headers"]
    answer = front.functions["api"].invoke(
        make_event("GET", "/v1/stats", headers={"X-Request-Id": "mine-1:2/3"}), timeout=20
    )
    assert answer["headers"]["X-Request-Id"] == "mine-1:2/3"


def test_a_socket(front: Front) -> None:
    """Half requests, broken lines and raw bytes on the wire forge no line."""
    host, _, port = front.gateway.url.removeprefix("http://").partition(":")
    for garbage in (
        b"GET /v1/stats HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-Id: a\rb\r\n\r\n",
        b"\x00\x01\r\n\r\n",
        b"GET\r\n\r\n",
        b"\r\n" * 50,
    ):
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass


def test_rows_of_an_import(front: Front) -> None:
    """The log of an import holds counts, whatever the rows contain."""
    rows: list[dict[str, Any]] = []
    for number, payload in enumerate(PAYLOADS[:-1]):
        rows.append(
            {
                "accountId": f"log-{number}",
                "modelId": "m",
                "channelId": "c",
                "config": {"note": payload.replace("\0", "")},
            }
        )
        rows.append(
            {
                "accountId": payload,
                "modelId": payload,
                "credentials": {payload: payload},
                payload: payload,
            }
        )
    results = front.load(*rows, start=True)
    assert {result["status"] for result in results[::2]} == {"created"}
    assert {result["status"] for result in results[1::2]} == {"rejected"}


def test_a_failure_inside(front: Front) -> None:
    """A 500 logs its location and exception class, and neither its text nor a value."""
    front.load({"accountId": "breaks"})
    front.database.rows("alter view account_overview rename column model_id to forged_id")
    try:
        answer = front.api.get("/v1/accounts/breaks")
    finally:
        front.database.rows("alter view account_overview rename column forged_id to model_id")
    assert (answer.status_code, answer.json()["detail"]) == (500, "An internal error has occurred.")
    (failed,) = [entry for entry in front.log_entries() if entry.get("message") == "request_failed"]
    assert any(place.startswith("http/routes/accounts.py") for place in failed["where"])
    assert "forged_id" not in json.dumps(failed)
