"""What the beginning of a CSV file tells about the rest of it: separator, line end, columns.

Nothing is guessed from rows. The first lines decide, so that every worker that continues a file
somewhere reads the rest in the same way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import Final

from flamebot.domain.blanks import BLANKS
from flamebot.domain.ids import IdField
from flamebot.services.imports.csv_cells import SEPARATORS, BrokenQuotes, cells_of
from flamebot.services.imports.csv_columns import (
    BadHeader,
    Column,
    columns_of,
    names_an_account,
)
from flamebot.services.imports.file_lines import LineEnd, Lines, Unreadable

# Excel reads a first line `sep=;`, and some programs write it for Excel. When a spreadsheet saves
# such a file again, the line may be quoted and have separators behind it.
_SEP_LINE: Final = re.compile(r'"?sep=(.)"?([,;\t|]*)\s*', re.IGNORECASE)

_TITLE_LINES: Final = 20
_EMPTY: Final = BLANKS + "".join(SEPARATORS) + '"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How to read the rows of a CSV file."""

    separator: str
    line_end: LineEnd
    columns: list[Column]

    @property
    def id_field(self) -> IdField:
        """The name under which the header has the accounts' ids."""
        return "flamebotId" if ("flamebotId",) in self.columns else "accountId"


def read_dialect(lines: Lines) -> Dialect:
    """Read a CSV file up to its header. Raises `Unreadable`."""
    separators: tuple[str, ...] = SEPARATORS
    line = _first_line(lines)
    if sep := _SEP_LINE.fullmatch(line):
        if sep[1] not in SEPARATORS:
            raise Unreadable(
                "Its line sep= names another separator than comma, semicolon, tab or |."
            )
        separators = (sep[1],)
        line = _first_line(lines)
    # A quoted name may go on in the next line. Which cells there are depends on the separator,
    # but how many quotes a whole row has does not.
    while line.count('"') % 2:
        following = next(lines, None)
        if following is None:
            break
        line += following
    if lines.undecodable:
        raise Unreadable('Its first line is not UTF-8. Save the file as "CSV UTF-8".')
    try:
        separator, columns = _columns(line, separators)
    except Unreadable as refusal:
        if refusal.header and (later := _later_header(line, lines)):
            raise Unreadable(
                f"{refusal} Line {later} does: remove the lines before it.", header=True
            ) from None
        raise
    return Dialect(separator=separator, line_end=lines.end or "lf", columns=columns)


def _first_line(lines: Lines) -> str:
    """Return the next line that has content. Raises `Unreadable` at the end of the file."""
    for line in lines:
        if line.strip(_EMPTY):
            return line
        lines.begin_record()
    raise Unreadable(
        "It is empty: its first line names no column accountId (or flamebotId).", header=True
    )


def _later_header(line: str, lines: Lines) -> int | None:
    """Return the line that names the columns, if some lines with a title stand before it."""
    for following in () if _is_header(line) else islice(lines, _TITLE_LINES):
        if _is_header(following):
            return lines.number
        lines.begin_record()
    return None


def _is_header(line: str) -> bool:
    try:
        return any(names_an_account(cells_of(line, each, lambda: None)) for each in SEPARATORS)
    except BrokenQuotes:
        return False


def _columns(line: str, separators: tuple[str, ...]) -> tuple[str, list[Column]]:
    """Return the first separator under which the line is a header, and its columns."""
    refusal: Unreadable | None = None
    for separator in separators:
        try:
            names = cells_of(line, separator, lambda: None)
            return separator, columns_of(names)
        except BrokenQuotes:
            broken = Unreadable("Its first line is not CSV: its quotes are broken.")
            refusal = refusal or broken
        except BadHeader as error:
            # The separator that shows the column of the ids is probably the one that was meant.
            if refusal is None or names_an_account(names):
                refusal = Unreadable(str(error), _quoting(error, names), header=True)
    raise refusal or AssertionError("there is at least one separator")


def _quoting(error: BadHeader, names: list[str]) -> str | None:
    return f"It has an unknown column {names[error.unknown - 1]!r}." if error.unknown else None
