"""CloudFormation templates: YAML tags, and the intrinsic functions that one machine can resolve."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Unknown:
    """The type of a value that exists only in a deployment, such as a database's endpoint."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()
"""A value that cannot be known on this machine. A value built from it is unknown too."""
ABSENT = object()
"""`AWS::NoValue`: the property is absent."""


def _tagged(loader: Any, suffix: str, node: yaml.Node) -> dict[str, Any]:  # noqa: ANN401  # a PyYAML loader
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix in ("Ref", "Condition"):
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{suffix}": value}


class _CloudFormationLoader(_Loader):  # type: ignore[misc]  # the C or the Python loader
    """A loader that turns a tag such as `!Ref` into the long form of its function."""


_CloudFormationLoader.add_multi_constructor("!", _tagged)


def read_document(path: Path) -> dict[str, Any]:
    """Read a template's YAML, with the long form of each tag."""
    document: dict[str, Any] = yaml.load(path.read_text(), Loader=_CloudFormationLoader)  # noqa: S506  # derived from the safe loader
    return document


class Values:
    """Resolves the intrinsic functions of one document."""

    def __init__(self, document: Mapping[str, Any], known: Mapping[str, Any]) -> None:
        """Take the values that are known here.

        Args:
            document: The template.
            known: Values by name: `X` for `Ref X`, `X.Y` for `GetAtt X.Y`. A parameter that is
                missing has its default.
        """
        defaults = {
            name: parameter["Default"]
            for name, parameter in document.get("Parameters", {}).items()
            if "Default" in parameter
        }
        self._known = {
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": "flamebot-local",
            "AWS::NoValue": ABSENT,
            **defaults,
            **known,
        }
        self._conditions: Mapping[str, Any] = document.get("Conditions", {})
        self._mappings: Mapping[str, Any] = document.get("Mappings", {})

    def of(self, node: Any) -> Any:  # noqa: ANN401  # any node of a template
        """Return the value of a node, with `UNKNOWN` in place of what cannot be known."""
        if isinstance(node, Mapping):
            if len(node) == 1:
                (name, argument) = next(iter(node.items()))
                if name == "Ref":
                    return self._known.get(argument, UNKNOWN)
                if isinstance(name, str) and name.startswith("Fn::"):
                    return self._function(name.removeprefix("Fn::"), argument)
            resolved = {key: self.of(value) for key, value in node.items()}
            return {key: value for key, value in resolved.items() if value is not ABSENT}
        if isinstance(node, list):
            return [value for value in map(self.of, node) if value is not ABSENT]
        return node

    def condition(self, node: Any) -> Any:  # noqa: ANN401  # a condition's node, or its name
        """Return whether a condition holds: true, false or `UNKNOWN`."""
        if isinstance(node, str):
            return self.condition(self._conditions[node])
        (name, argument) = next(iter(node.items()))
        if name == "Condition":
            return self.condition(argument)
        if name == "Fn::Equals":
            left, right = map(self.of, argument)
            return UNKNOWN if UNKNOWN in (left, right) else str(left) == str(right)
        parts = [self.condition(part) for part in argument]
        match name:
            case "Fn::Not":
                return UNKNOWN if parts[0] is UNKNOWN else not parts[0]
            case "Fn::And":
                return False if False in parts else UNKNOWN if UNKNOWN in parts else True
            case "Fn::Or":
                return True if True in parts else UNKNOWN if UNKNOWN in parts else False
        raise ValueError(f"{name} is not a condition")

    def _function(self, name: str, argument: Any) -> Any:  # noqa: ANN401  # any node of a template
        match name:
            case "GetAtt":
                return self._known.get(".".join(argument), UNKNOWN)
            case "Sub":
                return self._sub(argument)
            case "If":
                holds = self.condition(argument[0])
                return (
                    UNKNOWN if holds is UNKNOWN else self.of(argument[1] if holds else argument[2])
                )
            case "Join":
                parts = self.of(argument[1])
                return (
                    UNKNOWN
                    if parts is UNKNOWN or UNKNOWN in parts
                    else argument[0].join(map(str, parts))
                )
            case "Split":
                whole = self.of(argument[1])
                return UNKNOWN if whole is UNKNOWN else str(whole).split(argument[0])
            case "Select":
                items = self.of(argument[1])
                return UNKNOWN if items is UNKNOWN else items[int(self.of(argument[0]))]
            case "FindInMap":
                value: Any = self._mappings
                for key in map(self.of, argument):
                    value = UNKNOWN if UNKNOWN in (value, key) else value[key]
                return value
        return UNKNOWN  # GetAZs, ImportValue, Cidr, Base64: no local part uses them

    def _sub(self, argument: Any) -> Any:  # noqa: ANN401  # a text, or a text with its variables
        text, variables = (
            (argument, {}) if isinstance(argument, str) else (argument[0], self.of(argument[1]))
        )
        unknown = False

        def value(found: re.Match[str]) -> str:
            nonlocal unknown
            name = found[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            known = variables[name] if name in variables else self._known.get(name, UNKNOWN)
            unknown = unknown or known is UNKNOWN
            return str(known)

        result = re.sub(r"\$\{([^}]+)\}", value, text)
        return UNKNOWN if unknown else result
