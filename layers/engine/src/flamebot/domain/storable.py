"""What a JSON column can hold: checked before anything else, so that no document passes every rule and then cannot be stored."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping

from flamebot.domain.errors import ValidationIssue
from flamebot.domain.pointers import pointer

DEEPEST = 32
_LARGEST_NUMBER = 2**63
_REFUSED = re.compile("[\0\ud800-\udfff]")
_REFUSED_ESCAPES = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


def size(document: object) -> int:
    """How many bytes of JSON a storable document is."""
    return len(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())


def places(document: object) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Every value of a JSON document with its path, without recursion. An object's names come as `(path, name)` pairs of their own."""
    waiting: list[tuple[tuple[str | int, ...], object]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        yield path, value
        if isinstance(value, Mapping):
            for name, member in value.items():
                yield path, name
                waiting.append(((*path, name), member))
        elif isinstance(value, list | tuple):
            waiting.extend(((*path, place), member) for place, member in enumerate(value))


def definitely_storable(text: bytes) -> bool:
    """Whether no text in a JSON document can have a issue: in valid UTF-8 only an escape brings in what `text_issue` finds.

    One search of the whole instead of one of each value. A document that it doubts may be clean all the same.
    """
    return b"\\u" not in text or not _REFUSED_ESCAPES.search(text)


def text_issue(path: tuple[str | int, ...], value: object) -> ValidationIssue | None:
    """What keeps a text from being stored, if it is one."""
    detail = _issue(value) if isinstance(value, str) else None
    return ValidationIssue(pointer(*path), detail) if detail else None


def unstorable(document: object) -> list[ValidationIssue]:
    """Say what no JSON column takes: NUL and half surrogate pairs in strings, numbers without end, dates, names that are no strings."""
    issues: list[ValidationIssue] = []
    for path, value in places(document):
        if len(path) > DEEPEST:  # also the end of a YAML document that holds itself
            issues.append(
                ValidationIssue(
                    pointer(*path[:DEEPEST]), f"Nested more than {DEEPEST} levels deep."
                )
            )
            break
        if isinstance(value, Mapping):
            if not all(isinstance(name, str) for name in value):
                issues.append(
                    ValidationIssue(pointer(*path), "The names of an object's members are strings.")
                )
        elif not isinstance(value, list | tuple) and (detail := _issue(value)):
            issues.append(ValidationIssue(pointer(*path), detail))
    return issues


def _issue(value: object) -> str | None:
    match value:
        case None | bool():
            return None
        case str():
            return (
                "Has a character that cannot be stored (NUL, or half of a surrogate pair)."
                if _REFUSED.search(value)
                else None
            )
        case int():
            return None if abs(value) < _LARGEST_NUMBER else "This number is too large."
        case float():
            return None if math.isfinite(value) else "This number is not finite."
        case _:
            return f"JSON has no {type(value).__name__}; write a string."
