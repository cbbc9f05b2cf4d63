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

from flamebot.http import parameters
from flamebot.http.endpoint import SCOPES, Endpoint
from flamebot.http.endpoints import TABLE
from flamebot.http.openapi_links import LINKS
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
        "description": "Seconds after which to try again.",
        "required": False,
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
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
        "info": {
            "title": "Flamebot Workflow System",
            "version": "1",
            "description": "Import accounts, then watch and control their workflows. Errors are"
            " problem details (RFC 9457).",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "Scopes: " + ", ".join(SCOPES) + ".",
                }
            },
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
    return schemas, dict(sorted(definitions["$defs"].items()))


def _operation(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
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
            "schema": part,
        }
        for name, part in schema.get("properties", {}).items()
    ]


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
    # Any call may fail validation (422), in the engine (500) or for want of a dependency (503).
    problems = {422, 500, 503, *endpoint.problems}
    problems |= set(_PROBLEMS_WITH_BODY) if endpoint.body else {400}
    problems |= {*_PROBLEMS_WITH_SCOPE, 429} if endpoint.scope else {429}
    for status in sorted(problems - set(endpoint.also)):
        media = {} if status == 429 else {MEDIA_TYPE: {"schema": schemas[Problem, "serialization"]}}
        if status in _GATEWAY_STATUSES:
            media["application/json"] = {"schema": schemas[GatewayMessage, "serialization"]}
        responses[str(status)] = {
            "description": phrase(status),
            "headers": _response_headers(status, tagged=False),
            "content": media,
        }
    return responses


def _response_headers(status: int, *, tagged: bool) -> dict[str, Any]:
    """Return the headers that a response always has; API Gateway's own have no X-Request-Id."""
    # Tests compare real responses with this document, so it promises no header that may be absent.
    names = [] if status in _GATEWAY_STATUSES else ["X-Request-Id"]
    names += ["ETag"] if tagged and status < 400 else []
    names += {
        201: ["Location"],
        401: ["WWW-Authenticate"],
        403: ["WWW-Authenticate"],
        503: ["Retry-After"],
    }.get(status, [])
    return {name: _RESPONSE_HEADERS[name] for name in names}


def main() -> None:
    """Write the document to the path in the first argument, by default docs/openapi.json."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/openapi.json")
    target.write_text(text())


if __name__ == "__main__":
    main()
