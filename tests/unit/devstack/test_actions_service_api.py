"""The API of the simulated actions service: the document and the endpoints of the actions."""

from __future__ import annotations

from typing import Any

import pytest

from devstack.actions_service.api import read_api, read_specification
from devstack.actions_service.faults import WITHOUT_JOB
from flamebot.actions.kind import EffectKind
from flamebot.actions.registry import REGISTRY
from flamebot.domain.endpoint import ActionEndpoint, text_body

SHIPPED = {"updatePrompt", "updateBio", "startSwipeTask"}
ENDPOINTS = {
    kind.endpoint.operation: kind.endpoint
    for kind in REGISTRY.values()
    if isinstance(kind, EffectKind)
}


def described() -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Return method, path and node of each operation of the document, by its operationId."""
    return {
        node["operationId"]: (method.upper(), path, node)
        for path, item in read_specification()["paths"].items()
        for method, node in item.items()
    }


def test_the_document_describes_the_endpoints_of_the_shipped_actions() -> None:
    """Every effect of the three shipped actions is described, and by one operation each."""
    assert set(ENDPOINTS) >= SHIPPED
    assert set(described()) - WITHOUT_JOB >= SHIPPED


@pytest.mark.parametrize("operation", sorted(set(ENDPOINTS) & set(described())))
def test_a_described_endpoint_is_the_declared_one(operation: str) -> None:
    """Method, path and required members are equal, and what is sent is described in the same way.

    The document may describe further optional members, which the engine does not send.
    """
    method, path, node = described()[operation]
    endpoint = ENDPOINTS[operation]
    assert (endpoint.method, endpoint.path) == (method, path)
    schema = node["requestBody"]["content"]["application/json"]["schema"]
    declared: Any = endpoint.body
    for name in ("type", "required", "additionalProperties"):
        assert declared[name] == schema[name], name
    for name, member in declared["properties"].items():
        rules = schema["properties"][name]
        assert member == {key: rules[key] for key in rules if key != "description"}, name


def test_every_endpoint_is_served() -> None:
    """A request to any action's endpoint finds the operation of its name."""
    for name, endpoint in ENDPOINTS.items():
        found = read_api().match(endpoint.method, endpoint.path.format(accountId="a.1"))
        assert found is not None
        assert (found[0].name, found[1]) == (name, {"accountId": "a.1"})
        assert found[0].key is not None, "a write has an Idempotency-Key"


@pytest.mark.parametrize("path", ["/accounts/x/bio", "/tasks/{accountId}", "/accounts/{accountId}"])
def test_an_endpoint_is_below_its_account(path: str) -> None:
    """A path without the account's id cannot be declared."""
    with pytest.raises(ValueError, match="updateX"):
        ActionEndpoint(operation="updateX", method="PUT", path=path, body=text_body(10))
