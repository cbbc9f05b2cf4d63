"""The execution context: the last result of each step, and never more than fits into a row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

LARGEST = 16 * 1024  # bytes of JSON
# The column's CHECK counts bytes as jsonb stores them, which for many small members is more than their text.
_LARGEST_STORED = 19_000
_SURELY_FITS = _LARGEST_STORED // 21  # bytes of JSON; a digit takes the most room for its length
_text = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": ")).encode


def remember(
    context: Mapping[str, object], step_id: str, result: Mapping[str, object]
) -> dict[str, object]:
    """Put a step's result in the place of its last one.

    Where the whole no longer fits, the largest results of other steps go first, among equals the first by step id; a result
    that does not fit by itself is not remembered at all (the history has it).
    """
    kept: dict[str, object] = {**context, step_id: dict(result)}
    if fits(kept):
        return kept
    others = sorted(
        (name for name in kept if name != step_id), key=lambda name: (-_text_size(kept[name]), name)
    )
    for name in [*others, step_id]:
        if fits(kept):
            break
        del kept[name]
    return kept


def fits(context: Mapping[str, object]) -> bool:
    """Whether a context may be stored."""
    size = _text_size(context)
    return size <= _SURELY_FITS or (size <= LARGEST and _stored_size(context) <= _LARGEST_STORED)


def _text_size(value: object) -> int:
    return len(_text(value).encode())


def _stored_size(value: Any) -> int:  # noqa: ANN401  # any JSON
    """The most bytes that jsonb takes: an entry of 4 and up to 3 of padding each, a header of 4 per container."""
    match value:
        case bool() | None:
            return 4
        case str():
            return 7 + len(value.encode())
        case int() | float():
            return 7 + 10 + 2 * (len(str(value)) // 4 + 2)
        case Mapping():
            return 11 + sum(
                _stored_size(key) + _stored_size(member) for key, member in value.items()
            )
        case _:
            return 11 + sum(_stored_size(member) for member in value)
