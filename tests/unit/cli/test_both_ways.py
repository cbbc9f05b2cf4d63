"""A file of accounts is read alike by the command line and by the worker, row by row."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flamebot.domain.blanks import BLANKS
from flamebot.services.imports.record_reader import Format
from tests.support.account_files import (
    BLANK,
    Dialect,
    Reading,
    by_command_line,
    by_worker,
    dialects,
    headers,
    written,
)

# Content that the separators, quotes and line ends of any dialect occur in.
TEXT = st.text(alphabet=st.sampled_from("ab-7 ,;|\t\"'\n\r\u00e9\u2028\U0001f600"), max_size=6)
ID = st.one_of(
    st.from_regex(r"[a-z]{1,2}[0-9]{1,3}", fullmatch=True),
    st.sampled_from(["", "two words", "x" * 129, "1.23457E+17", "0042", "12345678901234500000"]),
)
ROWS = st.lists(st.tuples(ID, TEXT, TEXT, TEXT, TEXT).map(list), max_size=8)
CUT = st.tuples(st.integers(1, 60), st.integers(1, 5))  # bytes of a piece, rows of a chunk
QUICK = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def both(path: Path, raw: bytes, cut: tuple[int, int]) -> Reading:
    """Return what becomes of a file, after both ways have made the same of it."""
    path.write_bytes(raw)
    format_: Format = "jsonl" if path.suffix == ".jsonl" else "csv"
    small = by_command_line(path)
    piece, chunk_rows = max(cut[0], len(raw) // 500), cut[1]
    large = by_worker(raw, format_, piece=piece, chunk_rows=chunk_rows)
    assert small == large
    return small


@given(
    dialect=dialects(),
    table=st.tuples(headers(), ROWS),
    blanks=st.lists(BLANK, min_size=1, max_size=7),
    cut=CUT,
)
@QUICK
def test_any_dialect_is_read_alike_and_as_it_was_meant(
    tmp_path: Path,
    dialect: Dialect,
    table: tuple[list[str], list[list[str]]],
    blanks: list[str],
    cut: tuple[int, int],
) -> None:
    """Separator, line end, quotes, blanks, header and empty columns change no row.

    Each row is found on its line, and a value has its blanks inside and none around it.
    """
    header, rows = table
    counter = iter(range(10**6))
    raw, lines = written(dialect, [header, *rows], lambda: blanks[next(counter) % len(blanks)])
    found = both(tmp_path / "a.csv", raw, cut)
    assert found.failure is None
    filled = [
        (line, row)
        for line, row in zip(lines[1:], rows, strict=True)
        if any(cell.strip(BLANKS) for cell in row)
    ]
    assert [row.line for row in found.rows] == [line for line, _ in filled]
    for outcome, (_, row) in zip(found.rows, filled, strict=True):
        if not outcome.issues:
            assert outcome.value == account(outcome.id_field, row)


def account(id_field: str, row: list[str]) -> dict[str, Any]:
    """Return the account that a row of cells means."""
    name, model, channel, token, note = (cell.strip(BLANKS) for cell in row)
    fields: dict[str, Any] = {id_field: name, "modelId": model, "channelId": channel}
    fields |= {"credentials": {"token": token} if token else ""}
    fields |= {"config": {"note": note} if note else ""}
    return {key: value for key, value in fields.items() if value}


PIECES = st.sampled_from(
    [
        *(b"accountId", b"flamebotId", b"modelId", b"credentials.t", b"a1", b"b2", b"sep=;\n"),
        *(b",", b";", b"\t", b"\n", b"\r", b"\r\n", b'"', b'""', b" ", b"\xc2\xa0", b"\xff"),
        *(b"\xef\xbb\xbf", b"{}", b'{"x": 1}', b"x" * 30_000, b"\0", b"=", b'="007"', b"1E+17"),
    ]
)


@given(
    start=st.sampled_from(
        [
            b"",
            b"accountId,modelId,credentials\n",
            b"flamebotId;modelId\r\n",
            b"accountId\tmodelId\r",
        ]
    ),
    content=st.lists(PIECES, max_size=25).map(b"".join),
    cut=CUT,
)
@QUICK
def test_any_bytes_are_read_alike(
    tmp_path: Path, start: bytes, content: bytes, cut: tuple[int, int]
) -> None:
    """Both ways find the same rows, lines, reasons and the same end."""
    both(tmp_path / "a.csv", start + content, cut)


LINES = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {}, optional={"accountId": ID, "flamebotId": ID, "modelId": TEXT, "x": TEXT}
        ).map(lambda row: json.dumps(row).encode()),
        st.sampled_from(
            [
                *(b"", b"  ", b"\xc2\xa0", b"[]", b"{", b"no json", b"\xff", b"null"),
                *(b'{"accountId": NaN}', b'{"accountId": "a"}\r', b'{"accountId": "a"},'),
                b'{"accountId":\r"a"}',
            ]
        ),
    ),
    max_size=10,
)


@given(lines=LINES, bom=st.booleans(), last=st.booleans(), cut=CUT)
@QUICK
def test_json_lines_are_read_alike(
    tmp_path: Path, lines: list[bytes], bom: bool, last: bool, cut: tuple[int, int]
) -> None:
    """A bad line is rejected with its number, and the lines after it are read."""
    raw = (b"\xef\xbb\xbf" if bom else b"") + b"\n".join(lines) + (b"\n" if last else b"")
    found = both(tmp_path / "a.jsonl", raw, cut)
    if found.failure is None:
        filled = [
            n for n, line in enumerate(lines, 1) if line.decode("latin-1").strip(" \r\xa0\xc2")
        ]
        assert [row.line for row in found.rows] == filled


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@given(rows=st.lists(st.tuples(TEXT, TEXT), max_size=5))
@QUICK
def test_what_pythons_csv_writes_is_read(
    tmp_path: Path, quoting: Any, rows: list[tuple[str, str]]
) -> None:
    """The reader agrees with the writer of Python's standard library."""
    text = io.StringIO(newline="")
    table = [[f"a{number}", model, note] for number, (model, note) in enumerate(rows)]
    writer = csv.writer(text, quoting=quoting)
    writer.writerows([["accountId", "modelId", "config.note"], *table])
    (tmp_path / "a.csv").write_bytes(text.getvalue().encode())
    found = by_command_line(tmp_path / "a.csv")
    assert found.failure is None
    assert [row.account_id for row in found.rows] == [name for name, _, _ in table]
    for outcome, row in zip(found.rows, table, strict=True):
        if not outcome.issues:
            note = row[2].strip(BLANKS)
            assert (outcome.value.get("config") or {}).get("note", "") == note
