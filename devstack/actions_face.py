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
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships none, and we use one class

from devstack.child import ROOT

SPECIFICATION = ROOT / "docs" / "actions-api.yaml"
_METHODS = ("get", "put", "post", "delete", "patch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of the specification."""

    name: str  # operationId
    method: str
    path: re.Pattern[str]
    key_required: bool  # it is a write under an Idempotency-Key
    body: Draft202012Validator | None
    parameters: Mapping[str, Draft202012Validator]  # of the path and the query
    required_query: tuple[str, ...]
    key_rule: Draft202012Validator | None

    def flaws(self, parameters: Mapping[str, str], key: str | None, body: object) -> list[str]:
        """Everything that is wrong with a request."""
        found = []
        for name, value in parameters.items():
            rule = self.parameters.get(name)
            if rule is None:
                found.append(f"{name}: unknown parameter")
            else:
                found += [f"{name}: {error.message}" for error in rule.iter_errors(value)]
        found += [f"{name}: is required" for name in self.required_query if name not in parameters]
        if self.key_rule is not None and key is None:
            found.append("Idempotency-Key: is required")
        elif self.key_rule is not None:
            found += [f"Idempotency-Key: {error.message}" for error in self.key_rule.iter_errors(key)]
        if self.body is not None:
            found += [f"/{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in self.body.iter_errors(body)]
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
                return operation, {name: unquote(value) for name, value in found.groupdict().items()}
        return None

    def knows(self, path: str) -> bool:
        """Whether some method is allowed on a path."""
        return any(operation.path.fullmatch(path) for operation in self.operations)


@functools.cache
def read_face(path: Path = SPECIFICATION) -> Face:
    """Read the specification."""
    document = yaml.safe_load(path.read_text())

    def resolved(node: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in node:
            target: Any = document
            for part in str(node["$ref"]).removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def operation(template: str, method: str, node: Mapping[str, Any]) -> Operation:
        parameters = [resolved(parameter) for parameter in node.get("parameters", [])]
        rules = {p["name"]: Draft202012Validator(p["schema"]) for p in parameters if p["in"] in ("path", "query")}
        key = next((p for p in parameters if p["in"] == "header" and p["name"] == "Idempotency-Key"), None)
        body = node.get("requestBody")
        return Operation(
            name=str(node["operationId"]),
            method=method.upper(),
            path=re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template))),
            key_required=key is not None,
            body=Draft202012Validator(body["content"]["application/json"]["schema"]) if body else None,
            parameters=rules,
            required_query=tuple(p["name"] for p in parameters if p["in"] == "query" and p.get("required")),
            key_rule=Draft202012Validator(key["schema"]) if key else None,
        )

    nodes = [(template, method, item[method]) for template, item in document["paths"].items() for method in _METHODS if method in item]
    return Face(tuple(operation(*node) for node in nodes))
