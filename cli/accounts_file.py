"""Files of accounts: JSON (a list, or a whole import request), JSON lines and CSV."""

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
_COLUMNS: Final = (
    "The columns are flamebotId, modelId, channelId, credentials.NAME and config.NAME"
    " (or credentials and config as JSON)."
)
_NO_FILE: Final = "There is no such file."


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsFile:
    """The accounts of a file, each with the name of its row ("row 3", "line 7")."""

    rows: Iterator[tuple[str, Any]]
    total: int | None = None  # None: not known before the end
    options: dict[str, Any] = field(default_factory=dict)  # those of a whole import request


def read(path: Path) -> AccountsFile:
    """Open a file of accounts. CSV and JSON lines are read row by row. Raises `Failure`."""
    suffix = path.suffix.lower()
    if suffix == ".csv" or suffix in JSON_LINES:
        if not path.is_file():
            _unreadable(path, _NO_FILE)
        return AccountsFile(rows=_csv_rows(path) if suffix == ".csv" else _json_lines(path))
    try:
        document = _parse(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        _unreadable(path, error.strerror or "It cannot be opened.")
    except (ValueError, RecursionError) as error:
        # Not the decoder's own text: it quotes the file, and the file holds credentials.
        _unreadable(
            path, f"It is not valid JSON{_position(error)}. The name of a CSV file ends in .csv."
        )
    options: dict[str, Any] = {}
    if isinstance(document, dict):
        if "accounts" not in document or document.keys() - _REQUEST:
            _unreadable(
                path,
                "An object must be an import request: accounts, and optionally startAutomation,"
                " workflowType and spreadSeconds.",
            )
        options = {name: document[name] for name in document if name != "accounts"}
        document = document["accounts"]
    if not isinstance(document, list):
        _unreadable(path, "It must hold a list of accounts, or an object with accounts.")
    return AccountsFile(
        rows=((f"row {number}", row) for number, row in enumerate(document, 1)),
        total=len(document),
        options=options,
    )


def is_large(path: Path, most: int) -> bool:
    """Return whether a file holds more than `most` rows, one a line. Raises `Failure`.

    Reads only as far as needed.
    """
    is_csv = path.suffix.lower() == ".csv"
    most_lines = most + is_csv  # with the header
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            rows = csv.reader(file) if is_csv else (line.strip() for line in file)
            filled = (row for row in rows if row)
            return sum(1 for row in islice(filled, most_lines + 1)) > most_lines
    except csv.Error:
        return False  # reading it row by row reports the line
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        _unreadable(path, _NO_FILE if missing else error.strerror or "It cannot be opened.")


def check_header(path: Path) -> None:
    """Check a CSV file's columns and first row before it is uploaded. Raises `Failure`."""
    for _ in _csv_rows(path):
        return


def _csv_rows(path: Path) -> Iterator[tuple[str, Any]]:
    # Imported here: `flamebot --help` does not need it.
    from flamebot.services.imports.csv_columns import BadHeader, BadRow, account_of, columns_of

    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, strict=True)
            names = next(lines, [])
            try:
                columns = columns_of(names)
            except BadHeader as error:
                unknown = names[error.number - 1].strip() if error.number else None
                _unreadable(
                    path,
                    f"It has an unknown column {unknown!r}." if unknown is not None else str(error),
                )
            for cells in lines:
                if not any(cells):
                    continue
                try:
                    yield f"line {lines.line_num}", account_of(columns, cells)
                except BadRow as error:
                    _unreadable(path, _bad_row(lines.line_num, error.column, str(error)))
    except csv.Error:
        _unreadable(path, f"Line {lines.line_num} is not valid CSV.")
    except UnicodeDecodeError:
        _unreadable(path, "It is not a text file in UTF-8.")
    except OSError as error:
        _unreadable(path, error.strerror or "It cannot be opened.")


def _bad_row(line: int, column: tuple[str, ...], detail: str) -> str:
    where = f", column {column[0]}:" if column else ""
    return f"Line {line}{where} {detail[0].lower()}{detail[1:]}"


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
    except UnicodeDecodeError:
        _unreadable(path, "It is not a text file in UTF-8.")
    except OSError as error:
        _unreadable(path, error.strerror or "It cannot be opened.")


def _parse(text: str) -> Any:  # noqa: ANN401  # JSON
    """Parse JSON as strictly as the API: no NaN, no name twice in an object."""
    return json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique_names)


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name twice")
    return members


def _position(error: Exception) -> str:
    return (
        f" (line {error.lineno}, column {error.colno})"
        if isinstance(error, json.JSONDecodeError)
        else ""
    )


def _unreadable(path: Path, why: str) -> NoReturn:
    raise Failure(
        f"{path} cannot be imported",
        why,
        _COLUMNS if path.suffix.lower() == ".csv" else None,
        Exit.USAGE,
    ) from None
