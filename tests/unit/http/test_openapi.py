"""The OpenAPI document is current, complete and valid, and the table behind it keeps its rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_spec_validator import validate

from flamebot.domain.errors import FlamebotError
from flamebot.http import openapi, openapi_info
from flamebot.http.endpoint import SCOPES, Endpoint
from flamebot.http.endpoints import TABLE
from flamebot.http.openapi_problems import errors_of
from flamebot.http.problems import STATUS, status_of

ROOT = Path(__file__).resolve().parents[3]
COMMITTED = ROOT / "docs" / "openapi.json"
OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, methods in openapi.document()["paths"].items()
    for method, operation in methods.items()
]
PARAMETERS = [
    pytest.param(parameter, id=f"{name} {parameter['in']} {parameter['name']}")
    for name, operation in OPERATIONS
    for parameter in operation["parameters"]
]


def schemas(part: Any) -> Iterator[dict[str, Any]]:
    """Yield every schema of the document, at any depth."""
    if isinstance(part, list):
        for member in part:
            yield from schemas(member)
    elif isinstance(part, dict):
        if isinstance(part.get("type"), str) or "anyOf" in part or "properties" in part:
            yield part
        for member in part.values():
            yield from schemas(member)


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


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_a_parameter_is_of_one_plain_type(parameter: dict[str, Any]) -> None:
    """A generator drops an operation whose header has a constant, and a query cannot say null."""
    schema = parameter["schema"]
    assert schema["type"] in ("string", "integer")
    assert not {"const", "anyOf", "oneOf", "allOf", "title"} & set(schema)
    assert parameter["in"] != "header" or schema["type"] == "string"
    assert "enum" not in schema or parameter["in"] == "query"


def test_an_id_and_a_number_in_a_path_have_their_format() -> None:
    """A version is an integer, and the id of a workflow or an import is a UUID."""
    for name, operation in OPERATIONS:
        for parameter in operation["parameters"]:
            if parameter["in"] == "path":
                form = (parameter["schema"]["type"], parameter["schema"].get("format"))
                assert (
                    form
                    == {
                        "version": ("integer", "int32"),
                        "type": ("string", None),
                        "name": ("string", None),
                        "id": ("string", None if "/accounts/" in name else "uuid"),
                    }[parameter["name"]]
                ), name


def test_fields_have_formats_and_no_titles() -> None:
    """A title becomes the name of a class, and a time without a format is a text."""
    for name, component in openapi.document()["components"]["schemas"].items():
        for schema in schemas(component):
            assert not isinstance(schema.get("title"), str), name
            assert schema.get("type") != "integer" or "format" in schema, name
        for field, schema in component.get("properties", {}).items():
            if re.search(r"(At|For|minute)$", field):
                (form,) = (part for part in schemas(schema) if part.get("type") == "string")
                assert form["format"] == "date-time", (name, field)
                assert form["description"] in ("Schedule time.", "Wall time."), (name, field)
            if re.search(r"(Seconds|Ms)$", field):
                texts = f"{component.get('description')} {schema.get('description')}"
                assert re.search(r"(schedule|wall) time", texts), (name, field)
            if field in ("instanceId", "liveWorkflowId", "importId") or (name, field) == (
                "Workflow",
                "id",
            ):
                assert "uuid" in {part.get("format") for part in schemas(schema)}, (name, field)


@pytest.mark.parametrize("endpoint", TABLE, ids=lambda endpoint: endpoint.name)
def test_every_error_response_lists_its_codes(endpoint: Endpoint) -> None:
    """A status has an enumeration of exactly the codes that its errors have."""
    document = openapi.document()
    responses = document["paths"][endpoint.path][endpoint.method.lower()]["responses"]
    for status, errors in errors_of(endpoint).items():
        if status in endpoint.also:
            continue
        content = responses[str(status)]["content"]["application/problem+json"]
        schema = document["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
        base, own = schema["allOf"]
        assert base == {"$ref": "#/components/schemas/Problem"}
        assert own["properties"]["code"]["enum"] == sorted({error.code for error in errors})
        assert all(f"`{error.code}`" in schema["description"] for error in errors)
    described = {int(status) for status in responses if int(status) >= 400}
    assert described == {*errors_of(endpoint), 429}


def test_every_error_that_clients_can_meet_is_described() -> None:
    """Each code that the HTTP layer has a status for occurs in some operation."""
    described = {
        error.code
        for endpoint in TABLE
        for errors in errors_of(endpoint).values()
        for error in errors
    }
    statuses = {kind.code for kind in STATUS if kind is not FlamebotError}
    # 405 is of a path, not of an operation; a conflict is always of a more precise kind.
    assert statuses - {"method_not_allowed", "conflict"} <= described


def test_retry_after_is_described_where_it_is_sent() -> None:
    """A 503 and an import in flight have the header."""
    for name, operation in OPERATIONS:
        for status, response in operation["responses"].items():
            sent = status == "503" or (status == "409" and "import" in operation["operationId"])
            if operation["operationId"] not in ("show_open_health", "cancel_import"):
                assert ("Retry-After" in response.get("headers", {})) == sent, (name, status)


def test_the_gateways_limits_are_those_of_the_template() -> None:
    """The description names the throttling that is deployed."""

    class Loader(yaml.SafeLoader):
        """Reads CloudFormation's short forms as None."""

    Loader.add_multi_constructor("!", lambda *_: None)
    template = yaml.load((ROOT / "template.yaml").read_text(), Loader)
    route = template["Resources"]["HttpApi"]["Properties"]["DefaultRouteSettings"]
    limits = (route["ThrottlingRateLimit"], route["ThrottlingBurstLimit"])
    assert limits == (openapi_info.REQUESTS_PER_SECOND, openapi_info.BURST)
    assert template["Globals"]["Function"]["Timeout"] == openapi_info.RESPONSE_SECONDS


def test_the_document_says_where_a_token_comes_from() -> None:
    """It names the token's address, the scopes' prefix, the licence, servers and tags."""
    document = openapi.document()
    token = document["components"]["securitySchemes"]["token"]["description"]
    for words in ("TokenUrl", "client_credentials", "`flamebot/`", *SCOPES):
        assert words in token
    assert document["info"]["license"]["identifier"] == "MIT"
    assert all(server["url"] for server in document["servers"])
    known = {tag["name"] for tag in document["tags"]}
    assert {tag for _, operation in OPERATIONS for tag in operation["tags"]} == known


@pytest.mark.parametrize("words", ["429", "5 MiB", "1,000 accounts", "16 KiB", "1 GiB", "200"])
def test_the_document_says_the_limits(words: str) -> None:
    """`info.description` has the limits that a client can meet."""
    assert words in openapi_info.DESCRIPTION


def test_every_kind_of_error_has_one_status() -> None:
    """The status of a kind is that of the nearest ancestor in the table."""
    for endpoint in TABLE:
        for status, errors in errors_of(endpoint).items():
            assert {int(status_of(error)) for error in errors} == {status}
