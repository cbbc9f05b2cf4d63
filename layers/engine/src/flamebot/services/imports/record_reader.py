"""The rows of a file: the one reader of both ways of importing a file.

The command line reads a small file with it and sends the rows in requests; the worker reads a
large file with it. Each row comes with its line and the byte after it, so that another worker can
continue there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from flamebot.domain.blanks import BLANKS
from flamebot.domain.errors import ValidationIssue
from flamebot.domain.ids import IdField, id_field
from flamebot.domain.pointers import pointer
from flamebot.domain.storable import values
from flamebot.domain.strict_json import NotJson, parse_json
from flamebot.services.imports.csv_cells import BrokenQuotes, cells_of
from flamebot.services.imports.csv_columns import BadRow, account_of
from flamebot.services.imports.csv_dialect import Dialect, read_dialect
from flamebot.services.imports.file_lines import Lines, Unreadable

Format = Literal["csv", "jsonl"]
_NOT_UTF_8: Final = 'Has bytes that are not UTF-8. Save the file as "CSV UTF-8".'
# What Python decodes a byte to that is not UTF-8.
_UNDECODABLE: Final = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A row of a file: its value as in an import request, or the issue that prevents reading it.

    With an issue the value may be there too, for a report that names the account.
    """

    line: int  # on which it begins
    end: int  # the byte after it
    last_line: int
    value: object = field(repr=False)
    id_field: IdField = "accountId"  # the name under which the row, or the header, gives the id
    issue: ValidationIssue | None = None


def file_records(pieces: Iterator[bytes], format_: Format) -> Iterator[Record]:
    """Yield the rows of a whole file. Raises `Unreadable`."""
    if format_ == "jsonl":
        return jsonl_records(Lines(pieces))
    lines = Lines(pieces, end=None)
    return csv_records(lines, read_dialect(lines))


def csv_records(lines: Lines, dialect: Dialect) -> Iterator[Record]:
    """Yield the rows of a CSV file after its header, without blank ones.

    Raises:
        Unreadable: a row's quotes are broken. What follows could be the inside of a cell, and must
            not be read as a row.
    """
    # A line is taken only when a row needs it. So after each row `lines` stands exactly behind it,
    # which makes its offset a checkpoint.
    more = lambda: next(lines, None)  # noqa: E731  # one expression, used as an argument only
    while True:
        first_line = lines.number + 1
        lines.begin_record()
        line = next(lines, None)
        if line is None:
            return
        try:
            cells = cells_of(line, dialect.separator, more)
        except BrokenQuotes:
            raise Unreadable(
                f"The row that begins on line {first_line} is not CSV: its quotes are broken."
                " Within quotes, a quote is written twice."
            ) from None
        if any(cells):
            yield _csv_record(lines, first_line, dialect, cells)


def _csv_record(lines: Lines, first_line: int, dialect: Dialect, cells: list[str]) -> Record:
    value: object = None
    issue = None
    try:
        value = account_of(dialect.columns, cells)
    except BadRow as error:
        issue = ValidationIssue(pointer(*error.column), str(error))
    if lines.undecodable and issue is None:
        issue = _undecodable(value)
    return Record(
        line=first_line,
        end=lines.offset,
        last_line=lines.number,
        value=value,
        id_field=dialect.id_field,
        issue=issue,
    )


def jsonl_records(lines: Lines) -> Iterator[Record]:
    """Yield the rows of a file of JSON lines, without blank ones.

    Raises:
        Unreadable: a line is too long, or the file is one JSON document over several lines.
    """
    first = lines.number == 0
    while True:
        lines.begin_record()
        text = next(lines, None)
        if text is None:
            return
        text = text.strip(BLANKS)
        if not text:
            continue
        if first and text in ("[", "{"):
            raise Unreadable(
                "It is one JSON document over several lines, not one account per line."
                " Such a file is imported under a name that ends in .json."
            )
        first = False
        value: object = None
        issue = None
        try:
            value = parse_json(text)
        except NotJson as error:
            issue = ValidationIssue("", str(error))
        if lines.undecodable and issue is None:
            issue = _undecodable(value)
        yield Record(
            line=lines.number,
            end=lines.offset,
            last_line=lines.number,
            value=value,
            id_field=id_field(value),
            issue=issue,
        )


def _undecodable(value: object) -> ValidationIssue:
    """Return the issue of a row with bytes that are not UTF-8, at the value that has them."""
    for path, member in values(value):
        if isinstance(member, str) and _UNDECODABLE.search(member):
            return ValidationIssue(pointer(*path), _NOT_UTF_8)
    return ValidationIssue("", _NOT_UTF_8)
