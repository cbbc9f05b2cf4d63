"""The OpenAPI document is current, complete and valid, and the table behind it keeps its rules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from flamebot.http import openapi
from flamebot.http.endpoint import SCOPES, Endpoint
from flamebot.http.endpoints import TABLE
from flamebot.http.problems import STATUS

COMMITTED = Path(__file__).resolve().parents[3] / "docs" / "openapi.json"


def test_the_committed_document_is_current() -> None:
    """`python -m flamebot.http.openapi` was run after the last change."""
    assert COMMITTED.read_text() == openapi.text()


def test_it_is_openapi_3_1() -> None:
    """A validator of the specification finds no error."""
    validate(openapi.document())


def test_routes_and_description_are_the_same_set() -> None:
    """The document describes every endpoint and nothing else."""
    described = {
        (method.upper(), path, operation["operationId"])
        for path, methods in openapi.document()["paths"].items()
        for method, operation in methods.items()
    }
    assert described == {(endpoint.method, endpoint.path, endpoint.name) for endpoint in TABLE}


def test_names_are_unique() -> None:
    """Handlers are found by name, endpoints by method and path, so both are unique."""
    assert len({endpoint.name for endpoint in TABLE}) == len(TABLE)
    assert len(
        {(endpoint.method, re.sub(r"\{\w+\}", "{}", endpoint.path)) for endpoint in TABLE}
    ) == len(TABLE)


def test_only_two_routes_are_open() -> None:
    """Only the open health check and the OpenAPI document need no token."""
    assert {endpoint.path for endpoint in TABLE if endpoint.scope is None} == {
        "/health",
        "/openapi.json",
    }


@pytest.mark.parametrize("endpoint", TABLE, ids=lambda endpoint: endpoint.name)
def test_each_endpoint_keeps_the_rules(endpoint: Endpoint) -> None:
    """Scopes are known, only POST and PUT have bodies, and every change needs a write scope."""
    assert endpoint.scope is None or endpoint.scope in SCOPES
    assert endpoint.body is None or endpoint.method in ("POST", "PUT")
    assert (
        endpoint.method == "GET"
        or endpoint.scope not in (None, "read")
        or endpoint.name == "validate_definition"
    )
    assert endpoint.summary.endswith(".")


def test_no_response_has_credentials() -> None:
    """Only the schema of an imported account has a field for credentials."""
    schemas = openapi.document()["components"]["schemas"]
    holders = {
        name for name, schema in schemas.items() if "credentials" in schema.get("properties", {})
    }
    assert holders == {"AccountInput"}


def test_every_status_of_the_table_of_errors_is_a_client_or_server_error() -> None:
    """No error has the status of a success."""
    assert {int(status) // 100 for status in STATUS.values()} == {4, 5}
