"""The cells of a row of CSV: RFC 4180 with any separator, and blanks around quotes.

Python's `csv` takes a quote after a blank for content, and a blank after a quote for an error. Both
occur in files that people write by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Final

from flamebot.domain.blanks import BLANKS

SEPARATORS: Final = (",", ";", "\t", "|")
# A spreadsheet shows ="00123" as 00123 and leaves its zeros alone, so exports contain it.
_TEXT_FORMULA: Final = re.compile(r'="([^"]*)"')


class BrokenQuotes(ValueError):
    """A quote is not closed, or is followed by text: the borders between cells are unknown."""


def cells_of(line: str, separator: str, more: Callable[[], str | None]) -> list[str]:
    """Return the cells of a row, without blanks around them.

    Args:
        line: the first line of the row, with its end.
        separator: one of `SEPARATORS`.
        more: returns the next line, which a quoted cell continues in; None at the end of the file.

    Raises:
        BrokenQuotes: the row has no certain end.
    """
    if '"' not in line:
        return [cell.strip(BLANKS) for cell in line.split(separator)]
    opening, closing = _borders(separator)
    cells = []
    at = 0
    while True:
        if quote := opening.match(line, at):
            cell, line, at = _quoted(line, quote.end(), more)
            end = closing.match(line, at)
            if end is None:
                raise BrokenQuotes
            cells.append(trimmed(cell))
            if not end[1]:
                return cells
            at = end.end()
        else:
            cell, found, _ = line[at:].partition(separator)
            cells.append(trimmed(cell))
            if not found:
                return cells
            at += len(cell) + 1


def trimmed(cell: str) -> str:
    """Return a cell without the blanks around it."""
    text = cell.strip(BLANKS)
    formula = _TEXT_FORMULA.fullmatch(text)
    return formula[1].strip(BLANKS) if formula else text


def _quoted(line: str, at: int, more: Callable[[], str | None]) -> tuple[str, str, int]:
    """Return the content of a quoted cell, the line on which it ends, and the place after it."""
    # Each line is searched once and kept as text: a quote that is never closed costs no more than
    # its content, while a list of its lines would take many times the space.
    cell = ""
    while True:
        close = line.find('"', at)
        if close < 0:
            cell += line[at:]
            following = more()
            if following is None:
                raise BrokenQuotes
            line, at = following, 0
        elif line.startswith('"', close + 1):
            cell += line[at : close + 1]
            at = close + 2
        else:
            cell += line[at:close]
            return cell, line, close + 1


@cache
def _borders(separator: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the patterns before and after a quoted cell: blanks, then quote or end."""
    blanks = "[" + re.escape("".join(set(BLANKS) - {separator, "\n"})) + "]*"
    end = re.escape(separator)
    return re.compile(f'{blanks}"'), re.compile(f"{blanks}(?:({end})|\n?$)")
