"""The execution context: the last result of each step, within the size that a row may hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

LARGEST = 16 * 1024  # bytes of JSON
# The column's CHECK counts bytes as jsonb stores them: for many small members more than their text.
_LARGEST_STORED = 19_000
# Bytes of JSON that fit whatever they hold: stored, one byte becomes at most 21 (a digit).
_ALWAYS_FITS = _LARGEST_STORED // 21
_text = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": ")).encode


def remember(
    context: Mapping[str, object], step_id: str, result: Mapping[str, object]
) -> dict[str, object]:
    """Return the context with a step's result in place of the step's previous one.

    If it no longer fits, the largest results of other steps are dropped first, equal ones in the
    order of their step ids. A result that does not fit by itself is not kept: the history has it.
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
        del kept[name]  # guard: context-drops
    return kept


def fits(context: Mapping[str, object]) -> bool:
    """Return whether a context is small enough for its column."""
    size = _text_size(context)
    return size <= _ALWAYS_FITS or (size <= LARGEST and _stored_size(context) <= _LARGEST_STORED)


def _text_size(value: object) -> int:
    return len(_text(value).encode())


def _stored_size(value: Any) -> int:  # noqa: ANN401  # any JSON
    """Return an upper bound of the bytes that jsonb takes.

    Each value has an entry of 4 bytes and up to 3 of padding, each container a header of 4. A
    number is stored as numeric: a header and two bytes per group of four digits.
    Source: PostgreSQL, src/include/utils/jsonb.h and src/backend/utils/adt/numeric.c.
    """
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
