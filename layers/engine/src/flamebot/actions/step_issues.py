"""Validation errors of a step as issues, with a sentence for its author."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from flamebot.domain.errors import ValidationIssue
from flamebot.domain.pointers import pointer

_SENTENCES = {
    "missing": "This field is required.",
    "string_type": "Must be a string.",
    "bool_type": "Must be true or false.",
    "int_type": "Must be a whole number.",
    "dict_type": "Must be an object.",
    "string_pattern_mismatch": 'Must be 1 to 64 letters, digits or "_", "-", ".", ":".',
}


def step_issues(error: ValidationError, fields: Iterable[str]) -> list[ValidationIssue]:
    """Return every issue that pydantic found; pointers start at the step.

    Args:
        error: What pydantic raised.
        fields: The names of all fields that the step may have.
    """
    known = sorted(fields)
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [
        ValidationIssue(
            pointer(*item["loc"]), _sentence(item["type"], item["msg"], item["loc"], known)
        )
        for item in found
    ]


def _sentence(kind: str, message: str, path: tuple[Any, ...], known: list[str]) -> str:
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(path[-1]), known, n=1, cutoff=0.5)
        advice = f'Did you mean "{near[0]}"?' if near else f"Fields: {', '.join(known)}."
        return f"There is no such field here. {advice}"
    text = _SENTENCES.get(kind) or message.removeprefix("Value error, ").replace(
        "Input should", "Must", 1
    ).replace("String should", "Must", 1)
    return text if text.endswith((".", "?")) else text + "."
