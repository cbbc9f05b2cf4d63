"""Definitions over HTTP: shown with entity tags, validated, published under preconditions."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema
import pytest

from tests.integration.http.conftest import Api, ApiResponse

MINE: dict[str, Any] = {
    "type": "mine",
    "name": "Mine",
    "description": "A wait and some swipes.",
    "config": {"maxRetries": 1},
    "steps": [
        {"id": "pause", "action": "wait", "delay": "1h"},
        {"id": "go", "action": "swipe_with_spectre", "swipeCount": {"min": 1, "max": 3}},
    ],
}
NEW = {"if-none-match": "*"}


def put(http: Api, document: Any, headers: dict[str, str], of: str = "mine") -> ApiResponse:
    """Publish a definition over the API."""
    return http.call("PUT", f"/v1/definitions/{of}", body=document, headers=headers)


def test_the_seeded_ones_are_there(http: Api) -> None:
    """The list has every seeded type with its number of steps and its instances, and a tag."""
    http.started()
    listed = http.call("GET", "/v1/definitions")
    assert [item["type"] for item in listed.body["items"]] == ["aggressive", "default", "test"]
    assert (listed.body["items"][1]["instances"], listed.body["items"][1]["version"]) == (
        {"active": 1},
        1,
    )
    assert (
        http.call(
            "GET", "/v1/definitions", headers={"if-none-match": listed.headers["ETag"]}
        ).status
        == 304
    )


def test_one_is_shown_as_it_was_published(http: Api) -> None:
    """A version is shown under its type and under its number, with the same tag."""
    put(http, MINE, NEW)
    shown = http.call("GET", "/v1/definitions/mine")
    version = http.call("GET", "/v1/definitions/mine/versions/1")
    assert {name: shown.body[name] for name in MINE} == MINE
    assert (shown.body, shown.headers["ETag"]) == (version.body, version.headers["ETag"])
    again = http.call(
        "GET", "/v1/definitions/mine", headers={"if-none-match": shown.headers["ETag"]}
    )
    assert (again.status, again.text, again.headers["ETag"]) == (304, "", shown.headers["ETag"])
    assert http.call("GET", "/v1/definitions/mine/versions/2").status == 404
    assert http.call("GET", "/v1/definitions/nosuch").status == 404


def test_the_schema_fits_the_definitions(http: Api) -> None:
    """The served JSON Schema is valid and accepts the seeded definitions."""
    schema = http.call("GET", "/v1/definitions/schema")
    assert (
        http.call(
            "GET", "/v1/definitions/schema", headers={"if-none-match": schema.headers["ETag"]}
        ).status
        == 304
    )
    jsonschema.Draft202012Validator.check_schema(schema.body)
    jsonschema.validate(MINE, schema.body)


def test_publishing(http: Api) -> None:
    """The first version gets 201, the next one 200; running workflows keep theirs."""
    first = put(http, MINE, NEW)
    assert (first.status, first.headers["Location"], first.body["version"]) == (
        201,
        "/v1/definitions/mine",
        1,
    )
    instance_id = http.started(workflow_type="mine")
    second = put(http, MINE | {"name": "Mine, better"}, {"if-match": first.headers["ETag"]})
    assert (second.status, second.body["version"], second.body["name"]) == (200, 2, "Mine, better")
    assert second.headers["ETag"] != first.headers["ETag"]
    shown = http.call("GET", "/v1/definitions/mine").body
    assert second.body == {**shown, "warnings": []}
    assert http.call("GET", f"/v1/workflows/{instance_id}").body["workflowVersion"] == 1
    actors = http.database.rows(
        "select actor, subject from audit_log"
        " where action = 'publish_definition' and actor <> 'deploy' order by id"
    )
    assert [row["subject"] for row in actors] == ["definition/mine/1", "definition/mine/2"]


def test_the_same_again_is_no_new_version(http: Api) -> None:
    """Publishing the current content again gets 200 and creates no version."""
    first = put(http, MINE, NEW)
    for headers in (
        {"if-match": first.headers["ETag"]},
        {"if-match": "*"},
        {"if-match": '"17"'},
    ):
        again = put(http, MINE, headers)
        assert (again.status, again.body["version"]) == (200, 1)


@pytest.mark.parametrize(
    "headers",
    [NEW, {"if-match": '"2"'}, {"if-match": 'W/"1"'}, {"if-match": "1"}, {"if-match": ""}],
)
def test_a_stale_precondition_changes_nothing(http: Api, headers: dict[str, str]) -> None:
    """A precondition that does not hold gets 412 and publishes nothing."""
    put(http, MINE, NEW)
    stale = put(http, MINE | {"name": "Another"}, headers)
    assert (stale.status, stale.body["code"]) == (412, "precondition_failed")
    assert http.call("GET", "/v1/definitions/mine").body["version"] == 1


@pytest.mark.parametrize("header", ["*", '"1"', '"7", "1"'])
def test_a_precondition_that_holds(http: Api, header: str) -> None:
    """Every form of If-Match that names the current version is accepted."""
    put(http, MINE, NEW)
    assert put(http, MINE | {"name": "Another"}, {"if-match": header}).body["version"] == 2


@pytest.mark.parametrize("document", [MINE, MINE | {"name": "Another"}], ids=["same", "other"])
def test_a_first_version_is_published_once(http: Api, document: Any) -> None:
    """If-None-Match: * gets 412 if a version exists, even one of the same content."""
    put(http, MINE, NEW)
    again = put(http, document, NEW)
    assert (again.status, again.body["code"]) == (412, "precondition_failed")
    assert again.body["detail"] == "There is a definition of this type already: version 1."


def test_a_first_version_cannot_be_matched(http: Api) -> None:
    """If-Match gets 412 for a type without any version."""
    assert put(http, MINE, {"if-match": "*"}).status == 412


def test_of_many_editors_one_wins(connect: Callable[..., Api]) -> None:
    """Of concurrent publishers one succeeds; the others get 412."""
    apis = [connect() for _ in range(4)]
    put(apis[0], MINE, NEW)
    with ThreadPoolExecutor(len(apis)) as threads:
        turns = list(enumerate(apis))
        answers = list(
            threads.map(
                lambda turn: put(turn[1], MINE | {"name": f"Edit {turn[0]}"}, {"if-match": '"1"'}),
                turns,
            )
        )
    assert sorted(answer.status for answer in answers) == [200, 412, 412, 412]


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        ([], [""]),
        ("text", [""]),
        ({}, ["/name", "/steps", "/type"]),
        (MINE | {"type": "other"}, ["/type"]),
        (MINE | {"surprise": 1}, ["/surprise"]),
        (MINE | {"steps": []}, ["/steps"]),
        (MINE | {"steps": [{"id": "a", "action": "nosuch"}]}, ["/steps/0/action"]),
        (MINE | {"steps": [MINE["steps"][0], MINE["steps"][0]]}, ["/steps/1/id"]),
        (MINE | {"config": {"quietHours": {}}}, ["/config/quietHours"]),
    ],
)
def test_what_is_wrong_with_a_definition_is_said_at_once(
    http: Api, document: Any, pointers: list[str]
) -> None:
    """An invalid definition gets 422 with a pointer to each issue; validate returns the same."""
    answer = put(http, document, NEW)
    assert (answer.status, answer.body["code"]) == (422, "invalid")
    assert {error["pointer"] for error in answer.body["errors"]} == set(pointers)
    checked = http.call("POST", "/v1/definitions/validate", body=document)
    assert checked.status == 200
    if document != MINE | {"type": "other"}:
        assert checked.body["valid"] is False
        assert {error["pointer"] for error in checked.body["errors"]} == set(pointers)


def test_a_good_definition_is_valid(http: Api) -> None:
    """Validating a valid definition reports no error and stores nothing."""
    assert http.call(
        "POST", "/v1/definitions/validate", body=MINE, scopes="flamebot/read"
    ).body == {"valid": True, "errors": [], "warnings": []}
    assert http.call("GET", "/v1/definitions/mine").status == 404


def test_a_backoff_that_is_too_long_is_a_warning(http: Api) -> None:
    """Validating and publishing return it, also for the same content again; it is no error."""
    document = MINE | {"config": {"retryBackoffMs": "1d", "maxRetryDelayMs": "1d"}}
    document["steps"] = [MINE["steps"][0], {**MINE["steps"][1], "timeout": "1s"}]
    checked = http.call("POST", "/v1/definitions/validate", body=document).body
    (warning,) = checked["warnings"]
    assert (checked["valid"], checked["errors"]) == (True, [])
    assert warning["pointer"] == "/steps/1/timeout"
    assert warning["detail"].startswith("Of 3 attempts only 2 fit into the timeout of 1s")
    first = put(http, document, NEW)
    again = put(http, document, {"if-match": first.headers["ETag"]})
    assert (first.status, again.status, again.body["version"]) == (201, 200, 1)
    assert first.body["warnings"] == again.body["warnings"] == [warning]
    assert "warnings" not in http.call("GET", "/v1/definitions/mine").body


@pytest.mark.parametrize("text", ["0.1234567890123456789", "1e-400", "1e30"])
def test_a_number_that_would_change_is_refused(http: Api, text: str) -> None:
    """422 names the number's place; nothing is rounded and nothing is stored."""
    body = json.dumps({**MINE, "steps": [{**MINE["steps"][1], "spectre": {"ratio": "N"}}]})
    body = body.replace('"N"', text)
    answer = http.call("PUT", "/v1/definitions/mine", raw=body, headers=NEW)
    assert (answer.status, answer.body["code"]) == (422, "invalid")
    assert [error["pointer"] for error in answer.body["errors"]] == ["/steps/0/spectre/ratio"]
    assert http.call("GET", "/v1/definitions/mine").status == 404


@pytest.mark.parametrize("name", ["schema", "validate", "simulate"])
def test_names_of_routes_are_no_types(http: Api, name: str) -> None:
    """A type that is the name of a route gets 422: no call could read it."""
    answer = put(http, MINE | {"type": name}, NEW, of=name)
    assert (answer.status, [error["pointer"] for error in answer.body["errors"]]) == (
        422,
        ["/type"],
    )
