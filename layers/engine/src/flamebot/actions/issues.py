"""Validation errors of pydantic as issues: a JSON pointer and a sentence, never the value."""

from __future__ import annotations

from pydantic import ValidationError

from flamebot.domain.errors import ValidationIssue
from flamebot.domain.pointers import pointer

_SENTENCES = {
    "missing": "This field is required.",
    "extra_forbidden": "There is no such field.",
    "model_type": "Must be an object.",
    "dict_type": "Must be an object.",
    "list_type": "Must be an array.",
    "string_type": "Must be a string.",
    "bool_type": "Must be true or false.",
    "int_type": "Must be a whole number.",
    "int_parsing": "Must be a whole number.",
    "timezone_aware": "Must be a time with its zone, as in 2026-11-23T15:00:00Z.",
    "datetime_from_date_parsing": "Must be a time with its zone, as in 2026-11-23T15:00:00Z.",
    "datetime_parsing": "Must be a time with its zone, as in 2026-11-23T15:00:00Z.",
}


def issues_of(error: ValidationError, *prefix: str | int) -> list[ValidationIssue]:
    """Return every issue that pydantic found, without the values, which may be credentials.

    Args:
        error: What pydantic raised.
        prefix: The path of the validated value in its document.
    """
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [
        ValidationIssue(pointer(*prefix, *item["loc"]), _sentence(item["type"], item["msg"]))
        for item in found
    ]


def _sentence(kind: str, message: str) -> str:
    known = _SENTENCES.get(kind)
    if known:
        return known
    text = (
        message.removeprefix("Value error, ")
        .replace("Input should", "Must", 1)
        .replace("should", "must", 1)
    )
    text = text.replace("Must match pattern", "Must match the pattern", 1)
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
