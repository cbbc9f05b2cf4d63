"""The rows of a file, read as they come: each with its line and the byte after it, so that reading can go on from there."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from flamebot.domain.errors import ValidationIssue
from flamebot.domain.pointers import pointer
from flamebot.domain.strict_json import NotJson, parse_json
from flamebot.services.imports.csv_columns import BadHeader, BadRow, Column, account_of, columns_of

LONGEST_RECORD: Final = (
    64 * 1024
)  # bytes; a row's JSON may have 16 KB, and an unclosed quote must not swallow the file
_BOM: Final = b"\xef\xbb\xbf"


class Unreadable(Exception):
    """From here on nobody can tell where rows begin. The message may be shown: it quotes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A row: its value as an import request would have it, or what is wrong with its form."""

    line: int  # on which it begins
    end: int  # the byte after it
    last_line: int
    value: object = field(repr=False)
    issue: ValidationIssue | None = None


class Lines:
    """Lines of a stream of bytes, which may be cut anywhere. Knows the byte and the number of the last line that it gave."""

    def __init__(self, pieces: Iterator[bytes], *, offset: int = 0, number: int = 0) -> None:
        """Go on at a byte where a line begins; `number` lines came before it."""
        self.offset = offset
        self.number = number
        self._record = 0
        self._lines = self._split(pieces)

    def __iter__(self) -> Iterator[str]:
        """Itself."""
        return self

    def __next__(self) -> str:
        """The next line with its end. What is no UTF-8 becomes halves of surrogate pairs, which no row may hold."""
        line = next(self._lines)
        self.offset += len(line)
        self.number += 1
        self._record += len(line)
        if self._record > LONGEST_RECORD:
            raise Unreadable(
                f"Line {self.number} ends a row of more than {LONGEST_RECORD} bytes, or a quote is not closed."
            )
        if self.number == 1:
            line = line.removeprefix(_BOM)
        return line.decode("utf-8", "surrogateescape")

    def begin_record(self) -> None:
        """A row begins with the next line."""
        self._record = 0

    def _split(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
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
    """The columns of a CSV file. Raises `Unreadable`."""
    try:
        return columns_of(next(csv.reader(lines, strict=True), []))
    except BadHeader as error:
        raise Unreadable(str(error)) from None
    except csv.Error:
        raise Unreadable("Its first line is not CSV.") from None


def csv_records(lines: Lines, columns: list[Column]) -> Iterator[Record]:
    """The rows of a CSV file (RFC 4180) after its header; empty ones are passed over. Raises `Unreadable`.

    A row whose quotes are broken ends the reading: what follows could be the inside of a cell, which must not be taken for a row.
    """
    reader = csv.reader(lines, strict=True)
    while True:
        begins = lines.number + 1
        lines.begin_record()
        try:
            cells = next(reader, None)
        except csv.Error:
            raise Unreadable(
                f"The row that begins on line {begins} is not CSV: its quotes are broken."
            ) from None
        if cells is None:
            return
        if any(cells):
            yield _csv_record(lines, begins, columns, cells)


def _csv_record(lines: Lines, begins: int, columns: list[Column], cells: list[str]) -> Record:
    value: object = None
    issue = None
    try:
        value = account_of(columns, cells)
    except BadRow as error:
        issue = ValidationIssue(pointer(*error.column), str(error))
    return Record(line=begins, end=lines.offset, last_line=lines.number, value=value, issue=issue)


def jsonl_records(lines: Lines) -> Iterator[Record]:
    """The rows of a file of JSON lines; empty ones are passed over. Raises `Unreadable`."""
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
