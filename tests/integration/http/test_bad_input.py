"""Bad input at every route gets a 4xx problem with pointers, never a 500 or a traceback."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from flamebot.http.endpoint import Endpoint
from flamebot.http.endpoints import TABLE
from tests.integration.http.conftest import Api, ApiResponse, connector
from tests.support.databases import DatabasePool

WITH_BODY = [endpoint for endpoint in TABLE if endpoint.body]
WITH_MODEL = [
    endpoint
    for endpoint in WITH_BODY
    if endpoint.name not in ("publish_definition", "validate_definition")
]
WITH_ID = [
    endpoint for endpoint in TABLE if endpoint.parameters and endpoint.name != "publish_definition"
]
UUID = "00000000-0000-4000-8000-000000000000"

NOT_JSON: list[str | bytes] = [
    "{",
    "nonsense",
    '{"a": NaN}',
    '{"a": 1e999}',
    '{"a": 1, "a": 2}',
    "[" * 50_000,
    b"\xff\xfe",
    '{"a":' * 80 + "1" + "}" * 80,
]
ODD_JSON = [
    "null",
    "[]",
    "7",
    '"text"',
    "true",
    '{"no_such_field": 1}',
    '{"reason": 7}',
    '{"reason": "\\u0000"}',
    '{"\\ud800": 1}',
    '{"reason": [[[]]]}',
]
ODD_IDS = [
    "x" * 5000,
    "%00",
    "%ff",
    "..",
    "'; drop table accounts; --",
    "%F0%9F%98%80",
    "{id}",
    "-",
    " ",
    "1e9",
    "0",
    "null",
]


@pytest.fixture(scope="module")
def http(database_pool: DatabasePool, aws: Callable[[str], Any], key_id: str) -> Iterator[Api]:
    """Return one API for all tests of this module, which change nothing."""
    database = database_pool.take()
    with ExitStack() as stack:
        yield connector(database, aws, key_id, stack)()
    assert database.value("select count(*) from audit_log where actor <> 'deploy'") == 0
    database_pool.give_back(database)


def ids(endpoint: Endpoint) -> str:
    """Return the id of a parametrised test."""
    return endpoint.name


def path_of(endpoint: Endpoint, **values: str) -> str:
    """Return the endpoint's path with plausible parameters."""
    plausible = {
        "id": UUID if "/workflows/{id}" in endpoint.path else "acct-001",
        "type": "default",
        "version": "1",
        "name": values.get("id", "ai_service"),
    } | values
    return re.sub(r"\{(\w+)\}", lambda match: plausible[match[1]], endpoint.path)


def assert_problem(answer: ApiResponse, *statuses: int) -> None:
    """Assert that the response is a complete problem document with one of these statuses."""
    assert answer.status in statuses, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.body
    assert set(body) >= {"type", "title", "status", "detail", "code", "requestId", "errors"}
    assert body["status"] == answer.status
    assert body["detail"].endswith("."), body
    assert all(set(error) == {"pointer", "detail"} for error in body["errors"])
    assert all(
        error["pointer"] == "" or error["pointer"].startswith("/") for error in body["errors"]
    )
    if answer.status == 422 and body["code"] == "invalid":
        assert body["errors"]
    for trace in ("Traceback", 'File "', "psycopg", "pydantic", "SQLSTATE", "select "):
        assert trace not in answer.text


@pytest.mark.parametrize("endpoint", TABLE, ids=ids)
class TestQueries:
    """An invalid query is refused, so that no misspelt filter returns everything."""

    @pytest.mark.parametrize(
        "query",
        [
            "nosuch=1",
            "limit=abc&nosuch",
            "=",
            "%00=1",
            "a[]=1",
            "&".join(f"p{n}=1" for n in range(60)),
        ],
    )
    def test_unknown_parameters(self, http: Api, endpoint: Endpoint, query: str) -> None:
        """A query with unknown parameters gets 422, or 400 if there are too many."""
        assert_problem(http.call(endpoint.method, path_of(endpoint), query=query), 400, 422)


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=ids)
class TestBodies:
    """A body that is not JSON is refused before the handler runs."""

    @pytest.mark.parametrize("raw", NOT_JSON, ids=lambda raw: repr(raw[:12]))
    def test_not_json(self, http: Api, endpoint: Endpoint, raw: str | bytes) -> None:
        """A body that is not JSON gets 400."""
        assert_problem(http.call(endpoint.method, path_of(endpoint), raw=raw), 400)

    def test_another_media_type(self, http: Api, endpoint: Endpoint) -> None:
        """A body of another media type gets 415."""
        assert_problem(
            http.call(
                endpoint.method, path_of(endpoint), raw="a=1", headers={"content-type": "text/csv"}
            ),
            415,
        )

    def test_too_much(self, http: Api, endpoint: Endpoint) -> None:
        """A body of more than 5 MB gets 413."""
        assert_problem(
            http.call(endpoint.method, path_of(endpoint), raw=" " * (5 * 1024 * 1024 + 1)), 413
        )


@pytest.mark.parametrize("endpoint", WITH_MODEL, ids=ids)
@pytest.mark.parametrize("raw", ODD_JSON)
def test_json_of_another_shape(http: Api, endpoint: Endpoint, raw: str) -> None:
    """JSON of another shape than the schema's gets 422."""
    assert_problem(http.call(endpoint.method, path_of(endpoint), raw=raw), 422)


@pytest.mark.parametrize("endpoint", WITH_ID, ids=ids)
@pytest.mark.parametrize("odd", ODD_IDS, ids=lambda odd: odd[:12])
def test_ids_that_name_nothing(http: Api, endpoint: Endpoint, odd: str) -> None:
    """A malformed id in the path gets 404."""
    assert_problem(
        http.call(endpoint.method, path_of(endpoint, id=odd, type=odd, version=odd)), 404
    )


@pytest.mark.parametrize(
    "method", ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "x"]
)
@pytest.mark.parametrize(
    "path", sorted({endpoint.path for endpoint in TABLE} - {"/v1/accounts/import"})
)
def test_methods_that_a_path_does_not_know(http: Api, path: str, method: str) -> None:
    """A method that a path does not support gets 405 with the supported ones."""
    known = {endpoint.method for endpoint in TABLE if endpoint.path == path}
    if method in known:
        return
    answer = http.call(method, re.sub(r"\{\w+\}", "1", path), scopes="")
    if answer.status == 405:
        assert known <= set(answer.headers["Allow"].split(", "))
        assert method not in answer.headers["Allow"].split(", ")
    else:  # the same path is another template's, as /definitions/validate is of {type}
        assert_problem(answer, 403)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/operations",
        "/v1/definitions/default/migrate",
        "/v1/tasks/redrive",
        "/console",
        "/v1/locks",
        "/v2/stats",
        "/favicon.ico",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_routes_that_do_not_exist(http: Api, method: str, path: str) -> None:
    """An unknown path gets 404."""
    assert_problem(http.call(method, path, body={} if method == "POST" else None), 404)


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/accounts"]),
        ({"accounts": []}, ["/accounts"]),
        ({"accounts": {}}, ["/accounts"]),
        ({"accounts": [{}] * 1001}, ["/accounts"]),
        ({"accounts": [{}], "startAutomation": "yes"}, ["/startAutomation"]),
        ({"accounts": [{}], "workflowType": "No Such!"}, ["/workflowType"]),
        ({"accounts": [{}], "spreadSeconds": -1}, ["/spreadSeconds"]),
        ({"accounts": [{}], "spreadSeconds": 1.5, "dryRun": True}, ["/spreadSeconds", "/dryRun"]),
    ],
)
def test_an_import_whose_frame_is_wrong(http: Api, body: Any, pointers: list[str]) -> None:
    """An import with an invalid frame gets 422 as a whole, and no row is stored."""
    answer = http.call("POST", "/v1/accounts/import", body=body)
    assert_problem(answer, 422)
    assert [error["pointer"] for error in answer.body["errors"]] == pointers
    assert http.database.value("select count(*) from accounts") == 0


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/limit"),
        ("limit=201", "/limit"),
        ("limit=ten", "/limit"),
        ("status=asleep", "/status"),
        ("status=active&status=failed", "/status"),
        ("type=NO", "/type"),
        ("dueBefore=tomorrow", "/dueBefore"),
        ("dueBefore=2026-01-01T00:00:00", "/dueBefore"),
        ("dueBefore=0.5", "/dueBefore"),
        ("dueBefore=1767225600", "/dueBefore"),
        ("dueBefore=2026-01-01%2000:00:00Z", "/dueBefore"),
        ("dueBefore=0001-01-01T00:00:00%2B14:00", "/dueBefore"),
        ("dueBefore=9999-12-31T23:59:59-14:00", "/dueBefore"),
        ("due_before=2026-01-01T00:00:00Z", "/due_before"),
        ("cursor=nonsense", "/cursor"),
        ("cursor=" + "a" * 501, "/cursor"),
        ("cursor=", "/cursor"),
        ("cursor=W10", "/cursor"),
        ("cursor=WzEsMl0", "/cursor"),
        ("accountId=" + "a" * 129, "/accountId"),
        ("stepId=%00", "/stepId"),
    ],
)
def test_filters_that_make_no_sense(http: Api, query: str, pointer: str) -> None:
    """An invalid filter gets 422 with the parameter's name."""
    answer = http.call("GET", "/v1/workflows", query=query)
    assert_problem(answer, 422)
    assert [error["pointer"] for error in answer.body["errors"]] == [pointer]


@pytest.mark.parametrize(
    "query",
    [
        "accountId=%27%20or%201%3D1",
        "stepId=%25",
        "error=%25_%5C",
        "error=%C3%A4",
        "dueBefore=9999-12-31T23:59:59Z",
        "dueBefore=0001-01-01T00:00:00Z",
        "dueBefore=4340-07-04T14:44:26.596988%2B18:32",
        "dueBefore=2026-01-01T00:00:00-23:59",
    ],
)
def test_filters_that_find_nothing(http: Api, query: str) -> None:
    """A valid filter that matches nothing gets an empty list."""
    answer = http.call("GET", "/v1/workflows", query=query)
    assert (answer.status, answer.body) == (200, {"items": [], "nextCursor": None})


@pytest.mark.parametrize(
    "headers", [{}, {"if-match": '"1"', "if-none-match": "*"}, {"if-none-match": '"1"'}]
)
def test_a_definition_without_a_precondition(http: Api, headers: dict[str, str]) -> None:
    """Publishing without a precondition, or with two, gets 428."""
    assert_problem(http.call("PUT", "/v1/definitions/mine", body={}, headers=headers), 428)
