"""The rows of a file, read from a stream of bytes.

Each row comes with its line and the byte after it, so that another worker can continue there.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from flamebot.domain.errors import ValidationIssue
from flamebot.domain.pointers import pointer
from flamebot.domain.strict_json import NotJson, parse_json
from flamebot.services.imports.csv_columns import BadHeader, BadRow, Column, account_of, columns_of

# Bytes. A row's JSON may have 16 KB, its CSV with quotes more. The limit also bounds memory when
# a quote is never closed and the rest of the file is one cell.
LONGEST_RECORD: Final = 64 * 1024
_BOM: Final = b"\xef\xbb\xbf"


class Unreadable(Exception):
    """The borders between rows are lost from here on. The message quotes nothing of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A row of a file: its value as in an import request, or the issue that prevents reading it."""

    line: int  # on which it begins
    end: int  # the byte after it
    last_line: int
    value: object = field(repr=False)
    issue: ValidationIssue | None = None


class Lines:
    """The lines of a stream of bytes, with the byte offset and the number of the last one."""

    def __init__(self, pieces: Iterator[bytes], *, offset: int = 0, number: int = 0) -> None:
        """Begin at the start of a line.

        Args:
            pieces: the bytes from `offset` on, cut anywhere.
            offset: the byte at which the first line begins.
            number: how many lines come before it.
        """
        self.offset = offset
        self.number = number
        self._record = 0
        self._lines = self._split(pieces)

    def __iter__(self) -> Iterator[str]:
        """Return the iterator itself, as the protocol demands."""
        return self

    def __next__(self) -> str:
        """Return the next line with its end. Raises `Unreadable`."""
        line = next(self._lines)
        self.offset += len(line)
        self.number += 1
        self._record += len(line)
        if self._record > LONGEST_RECORD:
            raise Unreadable(
                f"Line {self.number} ends a row of more than {LONGEST_RECORD} bytes,"
                " or a quote is not closed."
            )
        if self.number == 1:
            line = line.removeprefix(_BOM)
        # Bytes that are not UTF-8 become lone surrogates, which validation rejects: only their own
        # row is lost.
        return line.decode("utf-8", "surrogateescape")

    def begin_record(self) -> None:
        """Mark the next line as the first one of a row."""
        self._record = 0

    def _split(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        # On the byte \n alone. str.splitlines would also split at U+2028 and the like, which are
        # content, and a decoder in between would lose count of the bytes.
        rest = b""
        for piece in pieces:
            lines = (rest + piece).split(b"\n")
            rest = lines.pop()
            for line in lines:
                yield line + b"\n"
            if len(rest) > LONGEST_RECORD:
                raise Unreadable(f"Line {self.number + 1} has more than {LONGEST_RECORD} bytes.")
        if rest:
            yield rest


def read_header(lines: Lines) -> list[Column]:
    """Return the columns of a CSV file. Raises `Unreadable`."""
    try:
        return columns_of(next(csv.reader(lines, strict=True), []))
    except BadHeader as error:
        raise Unreadable(str(error)) from None
    except csv.Error:
        raise Unreadable("Its first line is not CSV.") from None


def csv_records(lines: Lines, columns: list[Column]) -> Iterator[Record]:
    """Yield the rows of a CSV file (RFC 4180) after its header, without empty ones.

    Raises:
        Unreadable: a row's quotes are broken. What follows could be the inside of a cell, and must
            not be read as a row.
    """
    # csv.reader takes one line at a time, and more only inside quotes. So after each row `lines`
    # stands exactly behind it, which makes its offset a checkpoint.
    reader = csv.reader(lines, strict=True)
    while True:
        first_line = lines.number + 1
        lines.begin_record()
        try:
            cells = next(reader, None)
        except csv.Error:
            raise Unreadable(
                f"The row that begins on line {first_line} is not CSV: its quotes are broken."
            ) from None
        if cells is None:
            return
        if any(cells):
            yield _csv_record(lines, first_line, columns, cells)


def _csv_record(lines: Lines, first_line: int, columns: list[Column], cells: list[str]) -> Record:
    value: object = None
    issue = None
    try:
        value = account_of(columns, cells)
    except BadRow as error:
        issue = ValidationIssue(pointer(*error.column), str(error))
    return Record(
        line=first_line, end=lines.offset, last_line=lines.number, value=value, issue=issue
    )


def jsonl_records(lines: Lines) -> Iterator[Record]:
    """Yield the rows of a file of JSON lines, without empty ones. Raises `Unreadable`."""
    while True:
        lines.begin_record()
        text = next(lines, None)
        if text is None:
            return
        if not text.strip():
            continue
        value: object = None
        issue = None
        try:
            value = parse_json(text)
        except NotJson as error:
            issue = ValidationIssue("", str(error))
        yield Record(
            line=lines.number, end=lines.offset, last_line=lines.number, value=value, issue=issue
        )
