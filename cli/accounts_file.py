"""Files of accounts: JSON (a list, or a whole import request), JSON lines (an account a line) and CSV (one column per field)."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final, NoReturn

from cli.failures import Exit, Failure

JSON_LINES: Final = (".jsonl", ".ndjson")
_REQUEST: Final = {"accounts", "startAutomation", "workflowType", "spreadSeconds"}
_HOW: Final = "Columns are flamebotId, modelId, channelId, credentials.NAME and config.NAME (or credentials and config as JSON)."


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsFile:
    """Rows with the place where each stands, how many there are if that is known, and what the file itself asks for."""

    rows: Iterator[tuple[str, Any]]
    total: int | None = None
    asks: dict[str, Any] = field(
        default_factory=dict
    )  # startAutomation, workflowType, spreadSeconds


def read(path: Path) -> AccountsFile:
    """Open a file of accounts; CSV is read row by row. Raises `Failure`."""
    if path.suffix.lower() == ".csv":
        if not path.is_file():
            _unreadable(path, "There is no such file.")
        return AccountsFile(rows=_csv_rows(path))
    if path.suffix.lower() in JSON_LINES:
        if not path.is_file():
            _unreadable(path, "There is no such file.")
        return AccountsFile(rows=_json_lines(path))
    try:
        document = _parse(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        _unreadable(path, error.strerror or "It cannot be opened.")
    except (
        ValueError,
        RecursionError,
    ) as error:  # a decoder's own text would quote the file, and the file holds credentials
        _unreadable(path, f"It is no JSON{_place(error)}. Other files end in .csv.")
    asks: dict[str, Any] = {}
    if isinstance(document, dict):
        if "accounts" not in document or document.keys() - _REQUEST:
            _unreadable(
                path,
                "An object must be an import request: accounts, and perhaps startAutomation, workflowType, spreadSeconds.",
            )
        asks = {name: document[name] for name in document if name != "accounts"}
        document = document["accounts"]
    if not isinstance(document, list):
        _unreadable(path, "It must hold a list of accounts, or an object with accounts.")
    return AccountsFile(
        rows=((f"row {number}", row) for number, row in enumerate(document, 1)),
        total=len(document),
        asks=asks,
    )


def is_large(path: Path, most: int) -> bool:
    """Whether a file holds more than so many rows, one a line; reads no further than it must. Raises `Failure`."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            rows = (
                csv.reader(file)
                if path.suffix.lower() == ".csv"
                else (line.strip() for line in file)
            )
            header = path.suffix.lower() == ".csv"
            return (
                sum(1 for row in islice((row for row in rows if row), most + header + 1))
                > most + header
            )
    except csv.Error:
        return False  # whoever reads it row by row says where
    except OSError as error:
        _unreadable(
            path,
            "There is no such file."
            if isinstance(error, FileNotFoundError)
            else error.strerror or "It cannot be opened.",
        )


def check_header(path: Path) -> None:
    """Read a CSV file's first line, before the file goes anywhere. Raises `Failure`."""
    for _ in _csv_rows(path):
        return


def _csv_rows(path: Path) -> Iterator[tuple[str, Any]]:
    from flamebot.services.imports.csv_columns import BadHeader, BadRow, account_of, columns_of

    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, strict=True)
            names = next(lines, [])
            try:
                columns = columns_of(names)
            except BadHeader as error:
                _unreadable(
                    path,
                    f"It has an unknown column {names[error.number - 1].strip()!r}."
                    if error.number
                    else str(error),
                )
            for cells in lines:
                if not any(cells):
                    continue
                try:
                    yield f"line {lines.line_num}", account_of(columns, cells)
                except BadRow as error:
                    what = str(error)[0].lower() + str(error)[1:]
                    _unreadable(
                        path,
                        f"Line {lines.line_num}{f', column {error.column[0]}:' if error.column else ''} {what}",
                    )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        _unreadable(path, f"It is no CSV in UTF-8: {type(error).__name__}.")


def _json_lines(path: Path) -> Iterator[tuple[str, Any]]:
    from flamebot.domain.strict_json import NotJson, parse_json

    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    yield f"line {number}", parse_json(line)
                except NotJson as error:
                    _unreadable(path, f"Line {number}: {error}")
    except (OSError, UnicodeDecodeError) as error:
        _unreadable(path, f"It is no UTF-8: {type(error).__name__}.")


def _parse(text: str) -> Any:  # noqa: ANN401  # JSON
    """JSON as the API reads it: no NaN, no name twice in an object. Raises `ValueError`, `RecursionError`."""
    return json.loads(text, parse_constant=_refuse, object_pairs_hook=_each_name_once)


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name twice")
    return members


def _place(error: Exception) -> str:
    return (
        f" (line {error.lineno}, column {error.colno})"
        if isinstance(error, json.JSONDecodeError)
        else ""
    )


def _unreadable(path: Path, why: str) -> NoReturn:
    raise Failure(
        f"{path} cannot be imported",
        why,
        _HOW if path.suffix.lower() == ".csv" else None,
        Exit.USAGE,
    ) from None
