"""The sample events have the form that AWS sends, and the engine reads them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from devstack.aws.template import Template
from flamebot.adapters.s3.events import import_ids
from flamebot.domain.message import UnreadableMessage, decode
from flamebot.http.endpoints import TABLE

ROOT = Path(__file__).resolve().parents[2]
EVENTS = sorted((ROOT / "events").rglob("*.json"))
FUNCTIONS = ["api", "import_accounts", "import_file", "maintenance", "migrate", "step", "tick"]
UNROUTED = {"unknown_route", "method_not_allowed"}  # the function answers 404 and 405
NOT_JSON = {"not_json"}
UNREADABLE = {"unreadable_body", "unknown_version"}


def _of(function: str) -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in EVENTS if path.parent.name == function]


def _read(path: Path) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(path.read_text())
    return event


def _matches(template: str, path: str) -> bool:
    pattern = re.sub(r"\{[a-z]+\}", "[^/]+", re.sub(r"\{[a-z]+\+\}", ".+", template))
    return re.fullmatch(pattern, path) is not None


def test_every_function_has_events() -> None:
    """Each function has a folder of events, and there are no other folders."""
    assert sorted({path.parent.name for path in EVENTS}) == FUNCTIONS
    assert sorted(path.name for path in (ROOT / "events").iterdir()) == FUNCTIONS


def test_the_readme_names_every_event() -> None:
    """The README lists every event."""
    text = (ROOT / "README.md").read_text()
    rows = {
        name: "".join(re.findall(rf"^\|[^|]*`?events/{name}/`?[^|]*\|.*$", text, re.MULTILINE))
        for name in FUNCTIONS
    }
    missing = [
        f"{path.parent.name}/{path.stem}"
        for path in EVENTS
        if f"`{path.stem}`" not in rows[path.parent.name]
    ]
    assert missing == []


@pytest.mark.parametrize("path", [*_of("api"), *_of("import_accounts")])
def test_a_request_is_what_the_gateway_sends(path: Path) -> None:
    """An HTTP event has a route of the template, and claims where the route needs a token."""
    event = _read(path)
    assert event["version"] == "2.0"
    assert isinstance(event["isBase64Encoded"], bool)
    http = event["requestContext"]["http"]
    assert event["rawPath"] == http["path"]
    assert event["routeKey"] == event["requestContext"]["routeKey"]
    method, template_path = event["routeKey"].split(" ", 1)
    assert method in {"ANY", http["method"]}
    routes = {
        (route.method, route.path): route for route in Template(ROOT / "template.yaml", {}).routes()
    }
    route = routes[method, template_path]
    assert route.function == path.parent.name
    assert _matches(template_path, event["rawPath"])
    claims = event["requestContext"].get("authorizer", {}).get("jwt", {}).get("claims")
    assert (claims is not None) == route.authorized
    if claims:
        assert claims["sub"]
        assert all(scope.startswith("flamebot/") for scope in claims["scope"].split())
        assert all(isinstance(value, str) for value in claims.values()), (
            "the gateway sends every claim as text"
        )


@pytest.mark.parametrize("path", [*_of("api"), *_of("import_accounts")])
def test_a_request_goes_to_an_endpoint(path: Path) -> None:
    """Each HTTP event matches an endpoint, except those about unknown routes."""
    event = _read(path)
    http = event["requestContext"]["http"]
    found = [
        e.name for e in TABLE if e.method == http["method"] and _matches(e.path, event["rawPath"])
    ]
    assert bool(found) == (path.stem not in UNROUTED)


@pytest.mark.parametrize("path", [*_of("api"), *_of("import_accounts")])
def test_a_body_is_json(path: Path) -> None:
    """Bodies are JSON, except in the event about a malformed one."""
    event = _read(path)
    if "body" in event:
        body = (
            base64.b64decode(event["body"]).decode() if event["isBase64Encoded"] else event["body"]
        )
        assert int(event["headers"]["content-length"]) == len(body.encode())
        try:
            json.loads(body)
        except ValueError:
            assert path.stem in NOT_JSON
        else:
            assert path.stem not in NOT_JSON


@pytest.mark.parametrize("path", _of("step"))
def test_a_batch_is_what_sqs_sends(path: Path) -> None:
    """A step event has up to ten records with digests; bodies name tasks or are unreadable."""
    records = _read(path)["Records"]
    assert 1 <= len(records) <= 10
    assert len({record["messageId"] for record in records}) == len(records)
    readable = 0
    for record in records:
        assert record["eventSource"] == "aws:sqs"
        assert int(record["attributes"]["ApproximateReceiveCount"]) >= 1
        assert record["md5OfBody"] == hashlib.md5(record["body"].encode()).hexdigest()
        try:
            pointers = decode(record["body"])
        except UnreadableMessage:
            continue
        readable += 1
        assert 1 <= len(pointers) <= 10
        assert all(re.fullmatch(r"[0-9a-f-]{36}:\d+", pointer.task_id) for pointer in pointers)
    assert (readable < len(records)) == (path.stem in UNREADABLE)


@pytest.mark.parametrize("path", _of("import_file"))
def test_an_import_event_is_what_s3_or_the_worker_sends(path: Path) -> None:
    """An import event is a notification of the bucket, a wake-up message, or unreadable."""
    (record,) = _read(path)["Records"]
    assert record["eventSource"] == "aws:sqs"
    assert record["md5OfBody"] == hashlib.md5(record["body"].encode()).hexdigest()
    found = import_ids(record["body"])
    assert (found is None) == (path.stem in UNREADABLE)
    if path.stem == "file_uploaded":
        (notification,) = json.loads(record["body"])["Records"]
        assert (notification["eventSource"], notification["eventName"]) == (
            "aws:s3",
            "ObjectCreated:Put",
        )
        assert found == [notification["s3"]["object"]["key"].removeprefix("imports/")]


@pytest.mark.parametrize("path", [*_of("tick"), *_of("maintenance")])
def test_a_scheduled_event_is_what_eventbridge_sends(path: Path) -> None:
    """A scheduled event has its rule and its time, and no detail."""
    event = _read(path)
    assert event["detail-type"] == "Scheduled Event"
    assert event["source"] == "aws.events"
    assert event["detail"] == {}
    assert event["time"].endswith("Z")
    assert ":rule/" in event["resources"][0]


@pytest.mark.parametrize("path", _of("migrate"))
def test_a_custom_resource_event_is_what_cloudformation_sends(path: Path) -> None:
    """A custom resource event has a request type, a response URL and ids."""
    event = _read(path)
    assert event["RequestType"] in {"Create", "Update", "Delete"}
    assert event["ResponseURL"].startswith("https://")
    assert {
        "StackId",
        "RequestId",
        "LogicalResourceId",
        "ResourceType",
        "ResourceProperties",
    } <= set(event)
    assert ("PhysicalResourceId" in event) == (event["RequestType"] != "Create")
    assert ("OldResourceProperties" in event) == (event["RequestType"] == "Update")


def test_the_demos_imports_start_each_seeded_definition() -> None:
    """The demo imports different accounts for `default`, `test` and `aggressive`."""
    requests = [json.loads(_read(path)["body"]) for path in EVENTS if path.stem.startswith("demo_")]
    assert sorted(request["workflowType"] for request in requests) == [
        "aggressive",
        "default",
        "test",
    ]
    accounts = [account["accountId"] for request in requests for account in request["accounts"]]
    assert len(set(accounts)) == len(accounts)
    assert all(request["startAutomation"] for request in requests)
