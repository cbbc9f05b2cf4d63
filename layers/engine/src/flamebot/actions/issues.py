"""Convert pydantic's errors to validation issues: a JSON pointer (RFC 6901) and a sentence.

An issue never has the value itself, which may be a credential.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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
}
# Words that YAML 1.1 reads as true and false. YAML 1.2, and JSON, have them as texts.
_FORMER_BOOLEANS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false"}
_FORMER_BOOLEANS |= {"n": "false", "true": "true", "false": "false"}
# The only pattern among the fields of a step is that of its id.
_STEP_SENTENCES = _SENTENCES | {
    "string_pattern_mismatch": 'Must be 1 to 64 letters, digits or "_", "-", ".", ":".',
}


def issues_of(error: ValidationError, *prefix: str | int) -> list[ValidationIssue]:
    """Return every issue of a request; `prefix` is the path of the validated part."""
    return [
        ValidationIssue(pointer(*prefix, *path), _sentence(kind, message, _SENTENCES))
        for kind, message, path in _errors(error)
    ]


def step_issues(
    error: ValidationError, names: Iterable[str], fields: Mapping[str, object]
) -> list[ValidationIssue]:
    """Return every issue of a step, with pointers relative to the step.

    Args:
        error: what pydantic found.
        names: the names that the step may have, to suggest one for an unknown field.
        fields: the members of the step as the definition wrote them.
    """
    known = sorted(names)
    return [
        ValidationIssue(pointer(*path), _step_sentence(kind, message, path, known, fields))
        for kind, message, path in _errors(error)
    ]


def _step_sentence(
    kind: str, message: str, path: Sequence[Any], known: list[str], fields: Mapping[str, object]
) -> str:
    if kind == "extra_forbidden":
        return _unknown_field(str(path[-1]), known)
    sentence = _sentence(kind, message, _STEP_SENTENCES)
    if kind != "bool_type":
        return sentence
    written = fields.get(path[0])
    meant = _FORMER_BOOLEANS.get(written.lower()) if isinstance(written, str) else None
    advice = f' "{written}" is a text: write {meant}, without quotes.'
    return sentence + advice if meant else sentence


def _errors(error: ValidationError) -> list[tuple[str, str, Sequence[Any]]]:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [(item["type"], item["msg"], item["loc"]) for item in found]


def _sentence(kind: str, message: str, sentences: Mapping[str, str]) -> str:
    """Return our sentence for a kind of error, else pydantic's message in the same style."""
    if kind in sentences:
        return sentences[kind]
    text = message.removeprefix("Value error, ")
    text = re.sub(r"^\w+ should match pattern", "Must match the pattern", text)
    text = re.sub(r"^\w+ should", "Must", text)
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?")) else ".")


def _unknown_field(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    suggestion = f'Did you mean "{near[0]}"?' if near else f"Fields: {', '.join(known)}."
    return f"There is no such field here. {suggestion}"
