"""A validator for the part of JSON Schema that the actions service's API uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_KEYWORDS = frozenset(
    {
        "$ref",
        "additionalProperties",
        "description",
        "enum",
        "items",
        "maxLength",
        "maximum",
        "minLength",
        "minimum",
        "properties",
        "required",
        "type",
    }
)
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
}


class UnknownKeyword(ValueError):
    """The schema has a keyword that is not implemented, so its rule would not be checked."""


def issues(
    schema: Mapping[str, Any], value: object, document: Mapping[str, Any], pointer: str = ""
) -> Iterator[str]:
    """Yield everything that is wrong with a value, each with its JSON pointer.

    Args:
        schema: The rules.
        value: The value to validate.
        document: The document that `$ref` refers to.
        pointer: The position of the value.

    Raises:
        UnknownKeyword: The schema has a keyword that is not implemented.
    """
    schema = resolved(schema, document)
    unknown = set(schema) - _KEYWORDS
    if unknown:
        raise UnknownKeyword(", ".join(sorted(unknown)))
    kinds = [schema["type"]] if isinstance(schema.get("type"), str) else schema.get("type", [])
    if kinds and (isinstance(value, bool) or not isinstance(value, _types(kinds))):
        yield f"{pointer or '/'}: must be of type {' or '.join(kinds)}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{pointer or '/'}: must be one of {', '.join(map(str, schema['enum']))}"
    yield from _bounds(schema, value, pointer or "/")
    if isinstance(value, dict):
        yield from _members(schema, value, document, pointer)
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from issues(schema.get("items", {}), item, document, f"{pointer}/{index}")


def _types(kinds: Iterable[str]) -> tuple[type, ...]:
    return tuple(kind for name in kinds for kind in _TYPES[name])


def resolved(node: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the node that `$ref` refers to, or the node itself."""
    while "$ref" in node:
        target: Any = document
        for part in str(node["$ref"]).removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def _bounds(schema: Mapping[str, Any], value: object, pointer: str) -> Iterator[str]:
    if isinstance(value, str):
        least, most = schema.get("minLength", 0), schema.get("maxLength")
        if not least <= len(value) <= (len(value) if most is None else most):
            limit = "any number of" if most is None else most
            yield f"{pointer}: must have {least} to {limit} characters"
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
