"""Reads JSON (RFC 8259) with the position of each value, which Python's parser does not give."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from typing import Final

from flamebot.adapters.definition_files.tree import Builder, Position
from flamebot.domain.storable import DEEPEST

# A string that is not closed ends with the text: else it would be searched again from each of its
# characters. What a part is matters only if the text is JSON.
_PART: Final = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{},:]|[^\s\[\]{},:"]++', re.DOTALL)
_INTEGER: Final = re.compile(r"-?[0-9]+")
_LITERALS: Final = {"true": True, "false": False, "null": None}


def build_from_json(text: str, builder: Builder) -> None:
    """Read one document. Raises `Unreadable` if it is no JSON."""
    starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def position(offset: int) -> Position:
        line = bisect_right(starts, offset)
        return Position(line, offset - starts[line - 1] + 1)

    depth = 0
    for part in _PART.finditer(text):
        depth += (part[0] in "[{") - (part[0] in "]}")
        if depth > DEEPEST + 1:  # Python's parser calls itself for each level
            raise builder.fail(f"Nested more than {DEEPEST} levels deep.", position(part.start()))
    try:
        # Only to find out whether it is JSON. Numbers stay texts here: some are too long for int().
        json.loads(text, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        raise builder.fail(f"It is not JSON: {error.msg}.", position(error.pos)) from None
    for part in _PART.finditer(text):
        _add(part[0], position(part.start()), builder)


def _add(part: str, position: Position, builder: Builder) -> None:
    if part in "[{":
        builder.open(position, names=part == "{")
    elif part in "]}":
        builder.close()
    elif part[0] == '"':
        builder.scalar(json.loads(part), position)
    elif part in _LITERALS:
        builder.scalar(_LITERALS[part], position)
    elif _INTEGER.fullmatch(part):
        builder.integer(part, position)
    elif part in ("NaN", "Infinity", "-Infinity"):  # Python's parser lets them pass
        builder.issue(f"{part} is not JSON.", position)
        builder.scalar(None, position)
    elif part not in ",:":
        builder.decimal(part, position)
