"""Files of accounts: JSON (a list, or a whole import request) and CSV (one column per field)."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

from cli.failures import Exit, Failure

_PLAIN: Final = {"flamebotid": "flamebotId", "modelid": "modelId", "channelid": "channelId"}
_NESTED: Final = ("credentials", "config")
_REQUEST: Final = {"accounts", "startAutomation", "workflowType", "spreadSeconds"}
_HOW: Final = "Columns are flamebotId, modelId, channelId, credentials.NAME and config.NAME (or credentials and config as JSON)."


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsFile:
    """Rows with the place where each stands, how many there are if that is known, and what the file itself asks for."""

    rows: Iterator[tuple[str, Any]]
    total: int | None = None
    asks: dict[str, Any] = field(default_factory=dict)  # startAutomation, workflowType, spreadSeconds


def read(path: Path) -> AccountsFile:
    """Open a file of accounts; CSV is read row by row. Raises `Failure`."""
    if path.suffix.lower() == ".csv":
        if not path.is_file():
            _unreadable(path, "There is no such file.")
        return AccountsFile(rows=_csv_rows(path))
    try:
        document = _parse(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        _unreadable(path, error.strerror or "It cannot be opened.")
    except (ValueError, RecursionError) as error:  # a decoder's own text would quote the file, and the file holds credentials
        _unreadable(path, f"It is no JSON{_place(error)}. Other files end in .csv.")
    asks: dict[str, Any] = {}
    if isinstance(document, dict):
        if "accounts" not in document or document.keys() - _REQUEST:
            _unreadable(path, "An object must be an import request: accounts, and perhaps startAutomation, workflowType, spreadSeconds.")
        asks = {name: document[name] for name in document if name != "accounts"}
        document = document["accounts"]
    if not isinstance(document, list):
        _unreadable(path, "It must hold a list of accounts, or an object with accounts.")
    return AccountsFile(rows=((f"row {number}", row) for number, row in enumerate(document, 1)), total=len(document), asks=asks)


def _csv_rows(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, strict=True)
            names = next(lines, [])
            if "flamebotid" not in map(_plain, names):  # then it holds no names, but perhaps credentials: nothing of it is shown
                _unreadable(path, "Its first line names no column flamebotId.")
            fields = [_field(path, name) for name in names]
            if len(set(fields)) != len(fields):
                _unreadable(path, "Its first line names a column twice.")
            for cells in lines:
                if any(cells):
                    yield f"line {lines.line_num}", _row(path, lines.line_num, fields, cells)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        _unreadable(path, f"It is no CSV in UTF-8: {type(error).__name__}.")


def _plain(name: str) -> str:
    return name.strip().replace("_", "").lower()


def _field(path: Path, name: str) -> tuple[str, ...]:
    """A column's place in an account: ("modelId",), ("config", "city")."""
    if _plain(name) in _PLAIN:
        return (_PLAIN[_plain(name)],)
    head, dot, rest = name.strip().partition(".")
    if head not in _NESTED or (dot and not rest):
        _unreadable(path, f"It has an unknown column {name!r}.")
    return (head, rest) if dot else (head,)


def _row(path: Path, number: int, fields: list[tuple[str, ...]], cells: list[str]) -> dict[str, Any]:
    """An account of its cells. An empty cell is a field that was not sent: what is stored stays."""
    if len(cells) > len(fields):
        _unreadable(path, f"Line {number} has {len(cells)} cells under {len(fields)} columns.")
    account: dict[str, Any] = {}
    for place, cell in zip(fields, cells, strict=False):
        if cell == "":
            continue
        if place in (("credentials",), ("config",)):
            account.setdefault(place[0], {}).update(_object(path, number, place[0], cell))
        elif len(place) == 2:
            account.setdefault(place[0], {})[place[1]] = cell
        else:
            account[place[0]] = cell
    return account


def _object(path: Path, number: int, column: str, cell: str) -> dict[str, Any]:
    try:
        value = _parse(cell)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        _unreadable(path, f"Line {number}, column {column}: must be a JSON object.")
    return value


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
    return f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""


def _unreadable(path: Path, why: str) -> NoReturn:
    raise Failure(f"{path} cannot be imported", why, _HOW if path.suffix.lower() == ".csv" else None, Exit.USAGE) from None
