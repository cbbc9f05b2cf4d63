"""Rules for what a JSON column can hold.

They are checked first: a document that passes every other rule must not fail in the database.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping

from flamebot.domain.errors import ValidationIssue
from flamebot.domain.numbers import TOO_LARGE, TOO_LONG, Inexact
from flamebot.domain.pointers import pointer

DEEPEST = 32
_LARGEST_NUMBER = 2**63
_REFUSED = re.compile("[\0\ud800-\udfff]")
_REFUSED_ESCAPES = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


def size(document: object) -> int:
    """Return the size of a storable document in bytes of JSON."""
    return len(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())


def values(document: object) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Yield every value of a JSON document with its path, without recursion.

    The names of an object's members are values too, each with the path of the object.
    """
    # An explicit stack: documents from outside may be nested deeper than Python's recursion limit.
    waiting: list[tuple[tuple[str | int, ...], object]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        yield path, value
        if isinstance(value, Mapping):
            for name, member in value.items():
                yield path, name
                waiting.append(((*path, name), member))
        elif isinstance(value, list | tuple):
            waiting.extend(((*path, index), member) for index, member in enumerate(value))


def definitely_storable(text: bytes) -> bool:
    """Return True only if no text in a document can have an issue of `text_issue`.

    In valid UTF-8 only an escape can produce NUL or half of a surrogate pair, so one search of the
    whole text replaces one of each value. False means that the values have to be checked: the
    escape may also be half of a whole pair, or follow an escaped backslash.

    Args:
        text: The document, as valid UTF-8.
    """
    return b"\\u" not in text or not _REFUSED_ESCAPES.search(text)


def number_issue(path: tuple[str | int, ...], value: object) -> ValidationIssue | None:
    """Return the issue of a number whose digits cannot be kept; None for any other value."""
    return ValidationIssue(pointer(*path), TOO_LONG) if isinstance(value, Inexact) else None


def text_issue(path: tuple[str | int, ...], value: object) -> ValidationIssue | None:
    """Return the issue that keeps a text from being stored; None for any other value."""
    detail = _issue(value) if isinstance(value, str) else None
    return ValidationIssue(pointer(*path), detail) if detail else None


def unstorable(document: object) -> list[ValidationIssue]:
    """Return everything in a document that no JSON column can hold.

    NUL and halves of surrogate pairs in strings, very large numbers and those with too many digits,
    values that JSON does not have, names that are not strings, and very deep nesting.
    """
    issues: list[ValidationIssue] = []
    for path, value in values(document):
        if len(path) > DEEPEST:  # a YAML document can even contain itself
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
            return None if abs(value) < _LARGEST_NUMBER else TOO_LARGE
        case float():
            if not math.isfinite(value):
                return "This number is not finite."
            # Postgres writes 1e30 with all its zeros: shown and published again, it is an integer.
            return None if abs(value) < _LARGEST_NUMBER else TOO_LARGE
        case Inexact():
            return TOO_LONG
        case _:
            return f"JSON has no {type(value).__name__}; write a string."
