"""The face of the actions service: operations and request rules, read from `docs/actions-api.yaml` and nowhere else."""

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

SPECIFICATION = ROOT / "docs" / "actions-api.yaml"
_METHODS = ("get", "put", "post", "delete", "patch")
_KEY = "Idempotency-Key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of the specification."""

    name: str  # operationId
    method: str
    path: re.Pattern[str]
    body: Mapping[str, Any] | None  # schemas, here and below
    parameters: Mapping[str, Mapping[str, Any]]  # of the path and the query
    required_query: tuple[str, ...]
    key: Mapping[str, Any] | None  # it is a write under an Idempotency-Key
    document: Mapping[str, Any]

    def issues(self, parameters: Mapping[str, str], key: str | None, body: object) -> list[str]:
        """Everything that is wrong with a request."""
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
class Face:
    """All operations."""

    operations: tuple[Operation, ...]

    def match(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """The operation of a request, and its decoded path parameters."""
        for operation in self.operations:
            found = operation.path.fullmatch(path)
            if found is not None and operation.method == method:
                return operation, {
                    name: unquote(value) for name, value in found.groupdict().items()
                }
        return None

    def knows(self, path: str) -> bool:
        """Whether some method is allowed on a path."""
        return any(operation.path.fullmatch(path) for operation in self.operations)


@functools.cache
def read_face(path: Path = SPECIFICATION) -> Face:
    """Read the specification."""
    document = yaml.safe_load(path.read_text())

    def operation(template: str, method: str, node: Mapping[str, Any]) -> Operation:
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
        )

    nodes = [
        (template, method, item[method])
        for template, item in document["paths"].items()
        for method in _METHODS
        if method in item
    ]
    return Face(tuple(operation(*node) for node in nodes))
