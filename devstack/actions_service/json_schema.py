"""The part of JSON Schema that `docs/actions-api.yaml` uses, checked without a package for all of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_KEYWORDS = frozenset(
    "type enum minLength maxLength minimum maximum required properties additionalProperties items description $ref".split()  # noqa: SIM905
)
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
}


class UnknownKeyword(ValueError):
    """The schema says something that would go unchecked."""


def issues(
    schema: Mapping[str, Any], value: object, document: Mapping[str, Any], pointer: str = ""
) -> Iterator[str]:
    """Everything that is wrong with a value, each with its JSON pointer.

    Args:
        schema: What it should be.
        value: What it is.
        document: Where `$ref` points into.
        pointer: Where the value stands.

    Raises:
        UnknownKeyword: The schema uses a keyword that is not known here.
    """
    schema = resolved(schema, document)
    unknown = {
        name for name, setting in schema.items() if setting is not None
    } - _KEYWORDS  # a comma in a description leaves a name without a setting
    if unknown:
        raise UnknownKeyword(", ".join(sorted(unknown)))
    kind = schema.get("type")
    if kind is not None and (not isinstance(value, _TYPES[kind]) or isinstance(value, bool)):
        yield f"{pointer or '/'}: must be of type {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{pointer or '/'}: must be one of {', '.join(map(str, schema['enum']))}"
    yield from _bounds(schema, value, pointer or "/")
    if isinstance(value, dict):
        yield from _members(schema, value, document, pointer)
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from issues(schema.get("items", {}), item, document, f"{pointer}/{index}")


def resolved(node: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow `$ref` within a document."""
    while "$ref" in node:
        target: Any = document
        for part in str(node["$ref"]).removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def _bounds(schema: Mapping[str, Any], value: object, pointer: str) -> Iterator[str]:
    if isinstance(value, str) and not schema.get("minLength", 0) <= len(value) <= schema.get(
        "maxLength", len(value)
    ):
        yield f"{pointer}: must have {schema.get('minLength', 0)} to {schema.get('maxLength', 'any number of')} characters"
    if isinstance(value, int | float) and not schema.get("minimum", value) <= value <= schema.get(
        "maximum", value
    ):
        yield f"{pointer}: must be from {schema.get('minimum')} to {schema.get('maximum')}"


def _members(
    schema: Mapping[str, Any], value: Mapping[str, Any], document: Mapping[str, Any], pointer: str
) -> Iterator[str]:
    properties = schema.get("properties", {})
    for name in schema.get("required", []):
        if name not in value:
            yield f"{pointer}/{name}: is required"
    for name, item in value.items():
        if name in properties:
            yield from issues(properties[name], item, document, f"{pointer}/{name}")
        elif schema.get("additionalProperties") is False:
            yield f"{pointer}/{name}: is unknown"
