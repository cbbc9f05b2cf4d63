"""Account files as spreadsheets, exports and people make them: both ways read them alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.account_files import Outcome, Reading, by_command_line, by_worker

HEADER = "accountId,modelId,channelId\n"


def read(folder: Path, content: str | bytes, name: str = "a.csv") -> Reading:
    """Return what becomes of a file, after both ways have made the same of it."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = by_command_line(path)
    large = by_worker(
        path.read_bytes(), "jsonl" if name.endswith("jsonl") else "csv", piece=5, chunk_rows=2
    )
    assert found == large
    return found


def account(row: Outcome) -> Any:
    """Return the id, model and channel of a stored row; the reason of a rejected one."""
    if row.issues:
        return row.line, row.issues[0][1]
    return tuple((row.value or {}).get(name) for name in ("accountId", "modelId", "channelId"))


STORED: dict[str, tuple[str | bytes, list[Any]]] = {
    "a European spreadsheet": (
        'sep=;\r\nAccount ID;Model ID;Channel ID;;\r\na;m;"c;d";;\r\n;;;;\r\n',
        [("a", "m", "c;d")],
    ),
    "tabs": ("accountId\tmodelId\tchannelId\na\t m\tc \n", [("a", "m", "c")]),
    "a table of Markdown": (
        "| accountId | modelId | channelId |\n| a | m | c |\n",
        [("a", "m", "c")],
    ),
    "an old Mac": (
        b"accountId,modelId,channelId\ra,m,c\rb,m,c",
        [("a", "m", "c"), ("b", "m", "c")],
    ),
    "line ends translated twice": (
        b"accountId,modelId,channelId\r\r\na,m,c\r\r\n",
        [("a", "m", "c")],
    ),
    "the end mark of DOS": (HEADER.encode() + b"a,m,c\r\n\x1a", [("a", "m", "c")]),
    "formulas that keep zeros": (HEADER + '="007",m,"=""08"""\n', [("007", "m", "08")]),
    "no-break and zero-width blanks": (
        HEADER + '\u200ba\u00a0,\u00a0"m"\u00a0,\ufeffc\n',
        [("a", "m", "c")],
    ),
    "blank lines before the header": ("\n,,\n" + HEADER + "a,m,c\n", [("a", "m", "c")]),
    "a quote inside a bare cell": (HEADER + 'a,5" model,c\n', [("a", '5" model', "c")]),
    "short rows": (HEADER + "a\nb,m\n", [("a", None, None), ("b", "m", None)]),
}


@pytest.mark.parametrize("name", STORED)
def test_a_file_is_read_as_it_was_meant(tmp_path: Path, name: str) -> None:
    """The dialect of the program that wrote it changes nothing."""
    content, rows = STORED[name]
    found = read(tmp_path, content)
    assert (found.failure, [account(row) for row in found.rows]) == (None, rows)


REJECTED: dict[str, tuple[str | bytes, str]] = {
    "an index column without a name": (",accountId\n0,a\n", "Has a value in column 1"),
    "a second header": (HEADER + HEADER + "a,m,c\n", "Is a header, as the first line"),
    "typographic quotes": (HEADER + "a,\u201cm\u201d,c\n", "Begins or ends with a quotation mark"),
    "an invisible character in an id": (HEADER + "a,m\u200bn,c\n", "Has an invisible character"),
    "a line end in an id": (HEADER + 'a,m,"c\rd"\n', "Has an invisible character (U+000D)"),
    "a comma without quotes": (HEADER + "a,m,c,d\n", "Has 4 cells under 3 columns"),
    "blanks within an id": (HEADER + "a b,m,c\n", "Must be 1 to 128 letters, digits or"),
    "Windows-1252": (HEADER.encode() + b"a,m\xfc,c\n", "Has bytes that are not UTF-8"),
}


@pytest.mark.parametrize("name", REJECTED)
def test_a_row_that_cannot_be_meant_is_rejected_alone(tmp_path: Path, name: str) -> None:
    """The reason says what is wrong, and the row after it is stored."""
    content, reason = REJECTED[name]
    raw = content.encode() if isinstance(content, str) else content
    last = b",z\n" if raw.startswith(b",") else b"z\n"
    found = read(tmp_path, raw + last)
    assert found.failure is None
    assert account(found.rows[0])[1].startswith(reason)
    assert account(found.rows[-1])[0] == "z"


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "a title above the header": ("My accounts,,\n\n" + HEADER, "Line 3 does: remove the lines"),
    "no header": ("a,m,c\nb,m,c\n", "names no column accountId (or flamebotId)."),
    "another separator": ("sep=:\naccountId:modelId\n", "comma, semicolon, tab or |"),
    "both names of the id": ("accountId,flamebotId\na,b\n", "columns 1 and 2"),
    "a workbook": (b"PK\x03\x04" + bytes(300), "It is a workbook"),
    "an old workbook": (b"\xd0\xcf\x11\xe0" + bytes(300), "It is a workbook"),
    "an archive": (b"\x1f\x8b\x08" + bytes(300), "It is compressed"),
    "UTF-16": (HEADER.encode("utf-16"), "It is in UTF-16"),
    "UTF-16 without a mark": (HEADER.encode("utf-16-le"), "It is in UTF-16 or UTF-32"),
    "a web page": ("<!DOCTYPE html>\n<html>Sign in</html>\n", "names no column accountId"),
    "quotes escaped by a backslash": (
        'accountId,config.n\na,"say \\"hi\\""\n',
        "line 2 is not CSV: its quotes are broken. Within quotes, a quote is written twice.",
    ),
    "nothing": ("\n \n", "It is empty"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_no_list_of_accounts_is_refused_by_its_cause(
    tmp_path: Path, name: str
) -> None:
    """No row is stored, and the reason says what the file is or lacks."""
    content, reason = REFUSED[name]
    found = read(tmp_path, content)
    assert found.rows == []
    assert found.failure is not None
    assert reason in found.failure


def test_values_that_stand_for_something_else_are_warned_of(tmp_path: Path) -> None:
    """Dates, words for a missing value, and invisible characters in a credential."""
    rows = "3-Jan,NULL,nan,\na,m,c,to\u200bken\nb,gpt-4.0,none,\nc,m,c,pass word\n"
    found = read(tmp_path, "accountId,modelId,channelId,credentials.token\n" + rows)
    assert [not row.issues for row in found.rows] == [True] * 4
    assert found.warnings == [
        ("date", "accountId", 1, 2),
        ("null", "channelId", 2, 2),
        ("null", "modelId", 1, 2),
        ("invisible", "credentials", 1, 3),
    ]
