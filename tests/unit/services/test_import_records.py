"""Rows of a file are the same however its bytes are cut, and from every checkpoint."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flamebot.domain.blanks import BLANKS
from flamebot.services.imports.csv_dialect import read_dialect
from flamebot.services.imports.file_lines import LONGEST_RECORD, Lines, Unreadable
from flamebot.services.imports.record_reader import (
    Record,
    csv_records,
    file_records,
    jsonl_records,
)

CELL = st.text(alphabet=st.sampled_from('ab ,"\n\r;é\u2028\U0001f600\t'), max_size=6)
ROWS = st.lists(st.lists(CELL, min_size=2, max_size=2), max_size=8)


def cut(raw: bytes, size: int) -> Iterator[bytes]:
    """Return the bytes in pieces."""
    return (raw[start : start + size] for start in range(0, len(raw), size))


def read_csv(raw: bytes, size: int = 7) -> list[Record]:
    """Return all rows of a CSV file."""
    return list(file_records(cut(raw, size), "csv"))


def written(rows: list[list[str]]) -> bytes:
    """Return a CSV file as a spreadsheet writes it."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["accountId", "config.x"], *rows])
    return text.getvalue().encode()


@given(rows=ROWS, size=st.integers(1, 40))
@settings(max_examples=200, deadline=None)
def test_a_row_is_read_as_it_was_written(rows: list[list[str]], size: int) -> None:
    """Commas, quotes and line ends within quotes are content; blank rows are passed over."""
    wanted: list[Any] = []
    for name, value in ((name.strip(BLANKS), value.strip(BLANKS)) for name, value in rows):
        account: dict[str, Any] = {"accountId": name} if name else {}
        wanted += (
            [{**account, "config": {"x": value}} if value else account] if name or value else []
        )
    assert [record.value for record in read_csv(written(rows), size)] == wanted


@given(rows=ROWS, size=st.integers(1, 40))
@settings(max_examples=100, deadline=None)
def test_reading_continues_from_the_end_of_any_row(rows: list[list[str]], size: int) -> None:
    """From a checkpoint the remaining rows have the same values, lines and ends."""
    raw = b"\xef\xbb\xbf" + written(rows)
    records = read_csv(raw, size)
    dialect = read_dialect(Lines(cut(raw, size), end=None))
    for start, record in enumerate(records):
        rest = Lines(
            cut(raw[record.end :], size),
            offset=record.end,
            number=record.last_line,
            end=dialect.line_end,
        )
        assert list(csv_records(rest, dialect)) == records[start + 1 :]


@given(
    values=st.lists(
        st.dictionaries(st.text(max_size=4), st.text(max_size=6), max_size=3), max_size=8
    ),
    size=st.integers(1, 40),
)
@settings(max_examples=100, deadline=None)
def test_json_lines_continue_from_the_end_of_any_line(
    values: list[dict[str, str]], size: int
) -> None:
    """From a checkpoint the remaining rows have the same values, lines and ends."""
    raw = "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values).encode(
        "utf-8", "replace"
    )
    records = list(jsonl_records(Lines(cut(raw, size))))
    assert [record.line for record in records] == list(range(1, len(values) + 1))
    for start, record in enumerate(records):
        rest = Lines(cut(raw[record.end :], size), offset=record.end, number=record.last_line)
        assert list(jsonl_records(rest)) == records[start + 1 :]


def test_a_row_knows_its_first_and_last_line() -> None:
    """The first is reported, the last is the checkpoint."""
    (first, second) = read_csv(b'accountId,config.x\r\n"a","1\r\n2"\r\n\r\nb,3')
    assert (first.line, first.last_line, second.line, second.last_line) == (2, 3, 5, 5)
    assert second.end == len(b'accountId,config.x\r\n"a","1\r\n2"\r\n\r\nb,3')


def test_bytes_that_are_not_utf_8_affect_their_own_row_only() -> None:
    """They are an issue of the value that has them; other rows are read."""
    issues = [record.issue for record in read_csv(b"accountId,modelId\na,\nb,\xff\nc,\n")]
    assert [issue and issue.pointer for issue in issues] == [None, "/modelId", None]
    text = b'{"accountId": "a"}\n{"accountId": "b", "config": {"x": ["\xff"]}}\n'
    found = [record.issue for record in file_records(cut(text, 7), "jsonl")]
    assert [issue and issue.pointer for issue in found] == [None, "/config/x/0"]


def test_a_malformed_row_is_an_issue_of_its_column() -> None:
    """Too many cells or an invalid object are an issue of that row alone."""
    issues = [
        record.issue
        for record in read_csv(b'accountId,credentials\na,b,c\na,{\na,[]\n"a","{""t"": 1}"\n')
    ]
    assert [issue.pointer if issue else None for issue in issues] == [
        "",
        "/credentials",
        "/credentials",
        None,
    ]


@pytest.mark.parametrize(
    "raw",
    [b"a" * 10_000_000, b'accountId\n"' + b"x\n" * 5_000_000],
    ids=["no line end", "an open quote"],
)
def test_memory_is_bounded_by_the_longest_row(raw: bytes) -> None:
    """Reading ends after 64 KB without a row's end."""
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable):
            read_csv(raw, 100_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * LONGEST_RECORD
