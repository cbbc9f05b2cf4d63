"""The API of the actions service: its operations and the rules of their requests.

They come from `docs/actions-api.yaml`, and from the endpoints of the registered actions that the
document does not describe: a new action is served without any change here.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

from devstack.actions_service.json_schema import issues, resolved
from devstack.child import ROOT
from flamebot.actions.kind import EffectKind
from flamebot.actions.registry import REGISTRY
from flamebot.domain.endpoint import ActionEndpoint

SPECIFICATION = ROOT / "docs" / "actions-api.yaml"
_METHODS = ("get", "put", "post", "delete", "patch")
_KEY = "Idempotency-Key"
_WRITE_PARAMETERS = ("AccountId", "IdempotencyKey", "FencingToken")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of the API."""

    name: str  # operationId
    method: str
    path: re.Pattern[str]
    body: Mapping[str, Any] | None  # JSON Schema, as are the values below
    parameters: Mapping[str, Mapping[str, Any]]  # of the path and the query
    required_query: tuple[str, ...]
    key: Mapping[str, Any] | None  # of the Idempotency-Key; None: the operation has none
    document: Mapping[str, Any]  # which `$ref` refers to
    job_seconds: float | None = None  # duration of its jobs; None: as the settings say

    def issues(self, parameters: Mapping[str, str], key: str | None, body: object) -> list[str]:
        """Return everything that is wrong with a request."""
        found = [f"{name}: is unknown" for name in parameters if name not in self.parameters]
        found += [f"{name}: is required" for name in self.required_query if name not in parameters]
        for name, value in parameters.items():
            found += issues(self.parameters.get(name, {}), value, self.document, name)
        if self.key is not None:
            found += (
                [f"{_KEY}: is required"]
                if key is None
                else issues(self.key, key, self.document, _KEY)
            )
        if self.body is not None:
            found += issues(self.body, body, self.document)
        return found


@dataclass(frozen=True, slots=True)
class Api:
    """All operations of the actions service."""

    operations: tuple[Operation, ...]

    def match(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """Return the operation of a request and its decoded path parameters."""
        for operation in self.operations:
            found = operation.path.fullmatch(path)
            if found is not None and operation.method == method:
                return operation, {
                    name: unquote(value) for name, value in found.groupdict().items()
                }
        return None

    def knows(self, path: str) -> bool:
        """Return whether a path has an operation of any method."""
        return any(operation.path.fullmatch(path) for operation in self.operations)


@functools.cache
def read_api() -> Api:
    """Return the operations of the document and of the registered actions. They are read once."""
    document = read_specification()
    described = tuple(
        _operation(template, method, item[method], document)
        for template, item in document["paths"].items()
        for method in _METHODS
        if method in item
    )
    names = {operation.name for operation in described}
    declared = (kind.endpoint for kind in REGISTRY.values() if isinstance(kind, EffectKind))
    added = tuple(
        _declared_operation(endpoint, document)
        for endpoint in declared
        if endpoint.operation not in names
    )
    return Api(described + added)


@functools.cache
def read_specification(path: Path = SPECIFICATION) -> Mapping[str, Any]:
    """Return the document, which is parsed once."""
    document: Mapping[str, Any] = yaml.safe_load(path.read_text())
    return document


def _operation(
    template: str,
    method: str,
    node: Mapping[str, Any],
    document: Mapping[str, Any],
    job_seconds: float | None = None,
) -> Operation:
    parameters = [resolved(parameter, document) for parameter in node.get("parameters", [])]
    body = node.get("requestBody")
    return Operation(
        name=str(node["operationId"]),
        method=method.upper(),
        path=re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template))),
        body=body["content"]["application/json"]["schema"] if body else None,
        parameters={p["name"]: p["schema"] for p in parameters if p["in"] in ("path", "query")},
        required_query=tuple(
            p["name"] for p in parameters if p["in"] == "query" and p.get("required")
        ),
        key=next(
            (p["schema"] for p in parameters if p["in"] == "header" and p["name"] == _KEY), None
        ),
        document=document,
        job_seconds=job_seconds,
    )


def _declared_operation(endpoint: ActionEndpoint, document: Mapping[str, Any]) -> Operation:
    """Build the operation of an endpoint: a write like the described ones, under a key."""
    node = {
        "operationId": endpoint.operation,
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in _WRITE_PARAMETERS],
        "requestBody": {"content": {"application/json": {"schema": endpoint.body}}},
    }
    return _operation(
        endpoint.path, endpoint.method, node, document, endpoint.simulated_job_seconds
    )
