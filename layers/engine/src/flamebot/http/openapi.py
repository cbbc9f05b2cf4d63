"""OpenAPI 3.1, generated from the table of endpoints.

`python -m flamebot.http.openapi` writes docs/openapi.json.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from flamebot.http import openapi_info, openapi_problems, parameters
from flamebot.http.endpoint import Endpoint
from flamebot.http.endpoints import TABLE
from flamebot.http.openapi_links import LINKS
from flamebot.http.openapi_problems import Errors, errors_of, is_repeatable_later, schema_name
from flamebot.http.problems import MEDIA_TYPE, phrase
from flamebot.http.response_schemas import GatewayMessage, Problem
from flamebot.services.imports.validate import AccountInput

# A model and its mode (validation or serialization) to its schema.
Schemas = Mapping[tuple[Any, JsonSchemaMode], dict[str, Any]]

_REF = "#/components/schemas/{model}"
_HEADERS = {
    "Idempotency-Key": "Remembered for 24 hours: the same key and body get the same response.",
    "If-Match": "The ETag of the current version.",
    "If-None-Match": "GET: the client's ETag, 304 if it is current. PUT: `*`, for a first version.",
}
_HEADER_FORMS: Mapping[tuple[str, str], dict[str, Any]] = {
    ("import_accounts", "Idempotency-Key"): {
        "pattern": "^[\\x20-\\x7e]+$",
        "minLength": 1,
        "maxLength": 200,
    },
    ("create_import", "Idempotency-Key"): {
        "pattern": "^[\\x20-\\x7e]+$",
        "minLength": 1,
        "maxLength": 200,
    },
    ("publish_definition", "If-None-Match"): {"pattern": "^\\*$", "examples": ["*"]},
}
_TEXT = {"type": "string"}
_RESPONSE_HEADERS: Mapping[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "The client's X-Request-Id, else a new one.",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
    },
    "Location": {
        "description": "The path of the new resource.",
        "required": True,
        "schema": {"type": "string", "pattern": "^/v1/"},
    },
    "ETag": {
        "description": "The entity tag of the response.",
        "required": True,
        "schema": {"type": "string", "pattern": '^"[^"]+"$'},
    },
    "Retry-After": {
        "description": "Seconds after which to try again. API Gateway's own responses lack it.",
        "required": False,
        "schema": {"type": "integer", "format": "int32", "minimum": 0},
    },
    "Idempotent-Replayed": {
        "description": "true: the stored result of an earlier request with the same"
        " Idempotency-Key. Nothing was done now.",
        "required": False,
        "schema": {"type": "string", "enum": ["true"]},
    },
    "WWW-Authenticate": {
        "description": "The authentication scheme, and the missing scope.",
        "required": True,
        "schema": {"type": "string", "pattern": "^Bearer"},
    },
}
_PROBLEMS_WITH_BODY = (400, 413, 415)
_PROBLEMS_WITH_SCOPE = (401, 403)
_GATEWAY_STATUSES = (401, 413, 429, 500, 503)  # API Gateway itself may respond with these


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    schemas, components = _components()
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in TABLE:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": openapi_info.info(),
        "servers": openapi_info.servers(),
        "tags": openapi_info.tags(),
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": openapi_info.security_schemes(),
        },
    }


def text() -> str:
    """Return the text of docs/openapi.json."""
    return json.dumps(document(), indent=1, sort_keys=True) + "\n"


def _components() -> tuple[Schemas, dict[str, Any]]:
    wanted: set[tuple[type[BaseModel], JsonSchemaMode]] = {
        (Problem, "serialization"),
        (GatewayMessage, "serialization"),
        (AccountInput, "validation"),
    }
    for endpoint in TABLE:
        if endpoint.body:
            wanted.add((endpoint.body, "validation"))
        if endpoint.response:
            wanted.add((endpoint.response, "serialization"))
    schemas, definitions = models_json_schema(
        sorted(wanted, key=lambda pair: pair[0].__name__), ref_template=_REF
    )
    components = {**definitions["$defs"], **dict(openapi_problems.schemas(TABLE))}
    return schemas, {name: _tidied(components[name]) for name in sorted(components)}


def _tidied(schema: Any) -> Any:  # noqa: ANN401  # JSON
    """Return a schema in the form that generators of clients like.

    Titles that repeat a field's name become names of classes. An integer without a format is one of
    32 bits in many languages.
    """
    if isinstance(schema, list):
        return [_tidied(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    tidied = {
        name: {field: _tidied(part) for field, part in value.items()}
        if name == "properties"
        else _tidied(value)
        for name, value in schema.items()
        if name != "title"
    }
    if tidied.get("type") == "integer":
        tidied.setdefault("format", "int64")
    return tidied


def _operation(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "parameters": [*_path(endpoint), *_query(endpoint), *_headers(endpoint)],
        "responses": _responses(endpoint, schemas),
        "security": [{"token": [endpoint.scope]}] if endpoint.scope else [],
    }
    if endpoint.body:
        operation["requestBody"] = {
            "required": not endpoint.body_optional,
            "content": {"application/json": {"schema": schemas[endpoint.body, "validation"]}},
        }
    return operation


def _path(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": parameters.schema(endpoint.path, name),
        }
        for name in endpoint.parameters
    ]


def _query(endpoint: Endpoint) -> list[dict[str, Any]]:
    schema = endpoint.query.model_json_schema(ref_template=_REF)
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", []),
            "schema": _tidied(_without_null(part)),
        }
        for name, part in schema.get("properties", {}).items()
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a query parameter: it is absent or has a value, but is never null."""
    known = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    if schema.get("default") is not None:
        known["default"] = schema["default"]
    for part in schema.get("anyOf", ()):
        if part != {"type": "null"}:
            known |= part
    return known


def _headers(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": _HEADERS[name],
            "schema": {**_TEXT, **_HEADER_FORMS.get((endpoint.name, name), {})},
        }
        for name in endpoint.headers
    ]


def _responses(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    content = (
        {"application/json": {"schema": schemas[endpoint.response, "serialization"]}}
        if endpoint.response
        else None
    )
    tagged = "If-None-Match" in endpoint.headers
    responses: dict[str, Any] = {}
    for status in (endpoint.status, *endpoint.also):
        response: dict[str, Any] = {
            "description": phrase(status),
            "headers": _response_headers(status, tagged=tagged),
        }
        if "Idempotency-Key" in endpoint.headers and status == 200:
            response["headers"]["Idempotent-Replayed"] = _RESPONSE_HEADERS["Idempotent-Replayed"]
        if content:
            response["content"] = content
        if status < 300 and endpoint.name in LINKS:
            response["links"] = LINKS[endpoint.name]
        responses[str(status)] = response
    if endpoint.method == "GET" and tagged:
        responses["304"] = {
            "description": phrase(304),
            "headers": _response_headers(304, tagged=True),
        }
    for status, errors in errors_of(endpoint).items():
        if status not in endpoint.also:
            responses[str(status)] = _problem(status, errors)
    responses["429"] = _gateway_problem(429)
    return {status: responses[status] for status in sorted(responses)}


def _problem(status: int, errors: Errors) -> dict[str, Any]:
    """Return the response of a status that only these errors have."""
    response = _gateway_problem(status) if status in _GATEWAY_STATUSES else {"content": {}}
    response["content"][MEDIA_TYPE] = {"schema": {"$ref": _REF.format(model=schema_name(errors))}}
    codes = ", ".join(f"`{error.code}`" for error in errors)
    response["description"] = f"{phrase(status)}: {codes}"
    response["headers"] = _response_headers(status, tagged=False)
    if is_repeatable_later(errors):
        response["headers"]["Retry-After"] = _RESPONSE_HEADERS["Retry-After"]
    return response


def _gateway_problem(status: int) -> dict[str, Any]:
    """Return a response of API Gateway itself."""
    schema = {"$ref": _REF.format(model=GatewayMessage.__name__)}
    return {"description": phrase(status), "content": {"application/json": {"schema": schema}}}


def _response_headers(status: int, *, tagged: bool) -> dict[str, Any]:
    """Return the headers that a response always has; API Gateway's own have no X-Request-Id."""
    # Tests compare real responses with this document, so it promises no header that may be absent.
    names = [] if status in _GATEWAY_STATUSES else ["X-Request-Id"]
    names += ["ETag"] if tagged and status < 400 else []
    names += {
        201: ["Location"],
        401: ["WWW-Authenticate"],
        403: ["WWW-Authenticate"],
    }.get(status, [])
    return {name: _RESPONSE_HEADERS[name] for name in names}


def main() -> None:
    """Write the document to the path in the first argument, by default docs/openapi.json."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/openapi.json")
    target.write_text(text())


if __name__ == "__main__":
    main()
