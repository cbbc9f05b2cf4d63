"""Control: a body has only the fields of its call, within limits of number, size and depth.

Else nothing changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.security.described import OPENAPI, ROUTES, Route, name
from tests.security.front import Front
from tests.security.snapshot import everything

TAKING_FIELDS = [
    route
    for route in ROUTES
    if "requestBody" in route.operation and "/definitions/" not in route.path
]
READ_ONLY = (
    "id",
    "instanceId",
    "accountId",
    "status",
    "currentStep",
    "currentStepId",
    "totalSteps",
    "revision",
    "executionContext",
    "gotoIterations",
    "workflowVersion",
    "nextActionAt",
    "lastError",
    "startedAt",
    "finishedAt",
    "pausedAt",
    "createdAt",
    "updatedAt",
    "task",
    "effectInFlight",
    "credentialsVersion",
    "registeredVersion",
    "hasCredentials",
    "liveWorkflowId",
    "version",
    "isActive",
    "attempts",
    "reclaims",
    "sends",
    "fence",
    "leaseExpiresAt",
    "maxAttempts",
    "paused",
    "pausedMs",
    "actor",
    "caller",
    "sub",
    "scope",
    "now",
    "p_now",
    "tenant",
    "role",
    "admin",
    "__proto__",
    "constructor",
    "prototype",
    "__class__",
    "model_config",
    "model_fields",
    "$ref",
    "$where",
    "",
    " reason",
    "Reason",
    "REASON",
)
SNAKE = (
    "flamebot_id",
    "model_id",
    "channel_id",
    "start_automation",
    "workflow_type",
    "spread_seconds",
    "credentials_ciphertext",
)
JSON = {"content-type": "application/json"}


@pytest.fixture(autouse=True)
def unchanged(front: Front) -> Iterator[None]:
    """No table has a changed, new or missing row."""
    before = everything(front.database)
    yield
    assert everything(front.database) == before


def schema(route: Route) -> dict[str, Any]:
    """Return the schema of a call's body."""
    reference = route.operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    found: dict[str, Any] = OPENAPI["components"]["schemas"][reference.rpartition("/")[2]]
    return found


def good(route: Route) -> dict[str, Any]:
    """Return a body that is accepted."""
    bodies: dict[str, dict[str, Any]] = {
        "import_accounts": {"accounts": [{"accountId": "new"}]},
        "create_import": {"bytes": 1},
    }
    return bodies.get(route.name, {})


def send(front: Front, route: Route, body: object) -> httpx.Response:
    """Send a body to the call's route."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return front.api.request(route.method, route.at(), content=content, headers=JSON)


@pytest.mark.parametrize("route", TAKING_FIELDS, ids=name)
def test_no_field_is_assigned_that_a_call_does_not_take(front: Front, route: Route) -> None:
    """S4: a field of responses or tables that no call takes is a 422 that points at it."""
    fields = [field for field in (*READ_ONLY, *SNAKE) if field not in schema(route)["properties"]]
    assert len(fields) > 50
    for field in fields:
        answer = send(front, route, {**good(route), field: 1})
        assert answer.status_code == 422, (field, answer.text)
        assert [error["pointer"] for error in answer.json()["errors"]] == [
            "/" + field.replace("~", "~0").replace("/", "~1")
        ]


def test_no_field_of_an_account_either(front: Front) -> None:
    """S4: a row with a field that the importer may not set is rejected with a pointer."""
    known = OPENAPI["components"]["schemas"]["AccountInput"]["properties"]
    fields = [field for field in (*READ_ONLY, *SNAKE) if field not in known]
    results = front.load(
        *({"accountId": f"new-{number}", field: 1} for number, field in enumerate(fields))
    )
    for number, (field, result) in enumerate(zip(fields, results, strict=True)):
        assert result["status"] == "rejected", field
        assert [error["pointer"] for error in result["problem"]["errors"]] == [
            f"/accounts/{number}/{field}"
        ]


def test_no_field_of_a_definition_either(front: Front) -> None:
    """S4: version, state and id of a definition cannot be set by a client."""
    step: dict[str, Any] = {"id": "rest", "action": "wait", "delay": 1}
    document: dict[str, Any] = {"type": "mine", "name": "Mine", "steps": [step]}
    for field in READ_ONLY:
        bodies = [{**document, field: 1}, {**document, "config": {field: 1}}]
        if field not in ("id", "maxAttempts"):  # a field of the step
            bodies.append({**document, "steps": [{**step, field: 1}]})
        for body in bodies:
            answer = front.api.put(
                "/v1/definitions/mine", json=body, headers={"if-none-match": "*"}
            )
            assert answer.status_code == 422, (field, answer.text)


DEPTHS = (66, 1000, 100_000)
DEEP = [b"[" * depth + b"]" * depth for depth in DEPTHS] + [
    b'{"a":' * depth + b"1" + b"}" * depth for depth in DEPTHS
]


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if "requestBody" in route.operation], ids=name
)
def test_depth_count_and_size_have_limits(front: Front, route: Route) -> None:
    """S6: too deep, too large or too many is 400, 413 or 422, never a 5xx.

    Compressed bodies are not unpacked.
    """
    for body in DEEP:
        assert send(front, route, body).status_code == 400
    assert send(front, route, b'{"reason":"%s"}' % (b"a" * 5 * 1024 * 1024)).status_code == 413
    packed = front.api.request(
        route.method,
        route.at(),
        content=b"\x1f\x8b" + b"x" * 100,
        headers={**JSON, "content-encoding": "gzip"},
    )
    assert packed.status_code == 415


@pytest.mark.parametrize(
    "route",
    [
        route
        for route in ROUTES
        if route.name in ("import_accounts", "validate_definition", "pause_all")
    ],
    ids=name,
)
def test_many_issues_are_a_short_answer(front: Front, route: Route) -> None:
    """S6: fifty thousand invalid members give a response that fits through the gateway."""
    for many in ({f"f{number}": number for number in range(50_000)}, [0] * 500_000):
        answer = send(front, route, many)
        assert answer.status_code == (200 if route.name == "validate_definition" else 422)
        assert answer.json().get("valid", False) is False
        assert len(answer.content) < 5_000_000


def test_an_import_has_limits(front: Front) -> None:
    """S6: a thousand rows of at most 16 KB, the spread and the key.

    One beyond each limit is refused.
    """
    importer = TAKING_FIELDS[0]
    assert (
        send(
            front, importer, {"accounts": [{"accountId": f"n{n}"} for n in range(1001)]}
        ).status_code
        == 422
    )
    assert (
        send(
            front, importer, {"accounts": [{"accountId": "n"}], "spreadSeconds": 30 * 86400 + 1}
        ).status_code
        == 422
    )
    for key in (b"", b"x" * 201, b"a\xe9b", b"a\x80"):
        headers = [(b"content-type", b"application/json"), (b"idempotency-key", key)]
        assert (
            front.api.post(
                "/v1/accounts/import",
                content=b'{"accounts": [{"accountId": "n"}]}',
                headers=headers,
            ).status_code
            == 422
        )
    large = {"accountId": "large", "config": {"x": "a" * (16 * 1024)}}
    rejected = front.load(
        large,
        {"accountId": "long" * 40},
        {"accountId": "m", "modelId": "m" * 257},
        {"accountId": "c", "channelId": "\n"},
    )
    assert {result["status"] for result in rejected} == {"rejected"}
