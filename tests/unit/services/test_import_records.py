"""Rows of a file: read from any cut of its bytes, and from any place where one ends, they are the same rows."""

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

from flamebot.services.imports.record_reader import (
    LONGEST_RECORD,
    Lines,
    Record,
    Unreadable,
    csv_records,
    jsonl_records,
    read_header,
)

CELL = st.text(alphabet=st.sampled_from('ab ,"\n\r;é\u2028\U0001f600\t'), max_size=6)
ROWS = st.lists(st.lists(CELL, min_size=2, max_size=2), max_size=8)


def cut(raw: bytes, size: int) -> Iterator[bytes]:
    """The bytes in pieces."""
    return (raw[place : place + size] for place in range(0, len(raw), size))


def read_csv(raw: bytes, size: int = 7) -> list[Record]:
    """All rows of a CSV file."""
    lines = Lines(cut(raw, size))
    return list(csv_records(lines, read_header(lines)))


def written(rows: list[list[str]]) -> bytes:
    """A file as a spreadsheet writes it."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["flamebotId", "config.x"], *rows])
    return text.getvalue().encode()


@given(rows=ROWS, size=st.integers(1, 40))
@settings(max_examples=200, deadline=None)
def test_a_row_is_what_was_written_however_the_bytes_come(rows: list[list[str]], size: int) -> None:
    """Commas, quotes and line ends within quotes are content; empty rows are passed over."""
    wanted: list[Any] = []
    for name, value in rows:
        account: dict[str, Any] = {"flamebotId": name} if name else {}
        wanted += (
            [{**account, "config": {"x": value}} if value else account] if name or value else []
        )
    assert [record.value for record in read_csv(written(rows), size)] == wanted


@given(rows=ROWS, size=st.integers(1, 40))
@settings(max_examples=100, deadline=None)
def test_reading_goes_on_from_the_end_of_any_row(rows: list[list[str]], size: int) -> None:
    """A checkpoint of byte and line gives the rest of the rows, lines and ends, as if nobody had stopped."""
    raw = b"\xef\xbb\xbf" + written(rows)
    records = read_csv(raw, size)
    columns = read_header(Lines(cut(raw, size)))
    for place, record in enumerate(records):
        rest = Lines(cut(raw[record.end :], size), offset=record.end, number=record.last_line)
        assert list(csv_records(rest, columns)) == records[place + 1 :]


@given(
    values=st.lists(
        st.dictionaries(st.text(max_size=4), st.text(max_size=6), max_size=3), max_size=8
    ),
    size=st.integers(1, 40),
)
@settings(max_examples=100, deadline=None)
def test_json_lines_go_on_alike(values: list[dict[str, str]], size: int) -> None:
    """From the end of any line."""
    raw = "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values).encode(
        "utf-8", "replace"
    )
    records = list(jsonl_records(Lines(cut(raw, size))))
    assert [record.line for record in records] == list(range(1, len(values) + 1))
    for place, record in enumerate(records):
        rest = Lines(cut(raw[record.end :], size), offset=record.end, number=record.last_line)
        assert list(jsonl_records(rest)) == records[place + 1 :]


def test_a_row_knows_the_lines_it_stands_on() -> None:
    """Its first for people, its last for the checkpoint."""
    (first, second) = read_csv(b'flamebotId,config.x\r\n"a","1\r\n2"\r\n\r\nb,3')
    assert (first.line, first.last_line, second.line, second.last_line) == (2, 3, 5, 5)
    assert second.end == len(b'flamebotId,config.x\r\n"a","1\r\n2"\r\n\r\nb,3')


def test_bytes_that_are_no_text_spoil_their_own_row() -> None:
    """They become what no row may hold; the rows around are read."""
    values = [record.value for record in read_csv(b"flamebotId\na\nb\xff\nc\n")]
    assert values == [{"flamebotId": "a"}, {"flamebotId": "b\udcff"}, {"flamebotId": "c"}]


def test_a_row_of_the_wrong_form_is_told_by_its_column() -> None:
    """Too many cells, or an object that is none: the row's own issue."""
    issues = [
        record.issue
        for record in read_csv(b'flamebotId,credentials\na,b,c\na,{\na,[]\n"a","{""t"": 1}"\n')
    ]
    assert [issue.pointer if issue else None for issue in issues] == [
        "",
        "/credentials",
        "/credentials",
        None,
    ]


@pytest.mark.parametrize(
    "raw",
    [b"a" * 10_000_000, b'flamebotId\n"' + b"x\n" * 5_000_000],
    ids=["no line end", "an open quote"],
)
def test_nothing_makes_it_hold_more_than_a_row(raw: bytes) -> None:
    """It gives up after 64 KB, whatever follows."""
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable):
            read_csv(raw, 100_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * LONGEST_RECORD
