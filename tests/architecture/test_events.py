"""Each event is what AWS sends, and what the engine knows how to read."""

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
    """There is a folder for each function, cases in it, and nothing else."""
    assert sorted({path.parent.name for path in EVENTS}) == FUNCTIONS
    assert sorted(path.name for path in (ROOT / "events").iterdir()) == FUNCTIONS


def test_the_readme_names_every_event() -> None:
    """Whoever reads the README finds each case to try."""
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
    """HTTP API, payload format 2.0: the route that the template has, and verified claims exactly where it asks for a token."""
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
    """Each case has its endpoint, but those that are about having none."""
    event = _read(path)
    http = event["requestContext"]["http"]
    found = [
        e.name for e in TABLE if e.method == http["method"] and _matches(e.path, event["rawPath"])
    ]
    assert bool(found) == (path.stem not in UNROUTED)


@pytest.mark.parametrize("path", [*_of("api"), *_of("import_accounts")])
def test_a_body_is_json(path: Path) -> None:
    """What is sent can be read, but in the case that is about what cannot."""
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
    """At most ten records, each with the digest of its body, which names tasks or is refused as unreadable."""
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
def test_a_hint_is_what_s3_or_the_worker_sends(path: Path) -> None:
    """One record, with the digest of its body: an event about a key below `imports/`, our own hint, or what nobody can read."""
    (record,) = _read(path)["Records"]
    assert record["eventSource"] == "aws:sqs"
    assert record["md5OfBody"] == hashlib.md5(record["body"].encode()).hexdigest()
    found = import_ids(record["body"])
    assert (found is None) == (path.stem in UNREADABLE)
    if path.stem == "file_uploaded":
        (told,) = json.loads(record["body"])["Records"]
        assert (told["eventSource"], told["eventName"]) == ("aws:s3", "ObjectCreated:Put")
        assert found == [told["s3"]["object"]["key"].removeprefix("imports/")]


@pytest.mark.parametrize("path", [*_of("tick"), *_of("maintenance")])
def test_a_scheduled_event_is_what_eventbridge_sends(path: Path) -> None:
    """The rule's name and the time it fired; nothing that the function would have to read."""
    event = _read(path)
    assert event["detail-type"] == "Scheduled Event"
    assert event["source"] == "aws.events"
    assert event["detail"] == {}
    assert event["time"].endswith("Z")
    assert ":rule/" in event["resources"][0]


@pytest.mark.parametrize("path", _of("migrate"))
def test_a_custom_resource_event_is_what_cloudformation_sends(path: Path) -> None:
    """A request type, an address for the answer, and the ids that the answer repeats."""
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
    """The demo imports accounts on `default`, `test` and `aggressive`, none of them twice."""
    requests = [json.loads(_read(path)["body"]) for path in EVENTS if path.stem.startswith("demo_")]
    assert sorted(request["workflowType"] for request in requests) == [
        "aggressive",
        "default",
        "test",
    ]
    accounts = [account["flamebotId"] for request in requests for account in request["accounts"]]
    assert len(set(accounts)) == len(accounts)
    assert all(request["startAutomation"] for request in requests)
