"""What a CSV file of accounts means: its columns, and the account of a row's cells. The command line reads by it too: it imports little."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from flamebot.domain.strict_json import NotJson, parse_json

Column = tuple[str, ...]
"""A column's place in an account: ("modelId",), ("config", "city")."""

_PLAIN: Final = {"flamebotid": "flamebotId", "modelid": "modelId", "channelid": "channelId"}
_NESTED: Final = ("credentials", "config")
MOST_COLUMNS: Final = 200


class BadHeader(ValueError):
    """The first line does not name columns. Never quotes it: without a header it is a row, and rows hold credentials.

    `place`, from 1, is that of a name that is unknown.
    """

    def __init__(self, detail: str, place: int | None = None) -> None:
        super().__init__(detail)
        self.place = place


class BadRow(ValueError):
    """A row does not fit its columns. `column` is the one that it is about."""

    def __init__(self, detail: str, column: Column = ()) -> None:
        super().__init__(detail)
        self.column = column


def columns_of(names: Sequence[str]) -> list[Column]:
    """The columns that a header names, in either spelling (modelId, model_id). Raises `BadHeader`."""
    if len(names) > MOST_COLUMNS:
        raise BadHeader(f"It has {len(names)} columns; {MOST_COLUMNS} is the limit.")
    if "flamebotid" not in map(
        _plain, names
    ):  # then it may be no header at all: of it nothing is shown, not even a place
        raise BadHeader("Its first line names no column flamebotId.")
    columns = [_column(place, name.strip()) for place, name in enumerate(names, 1)]
    if len(set(columns)) < len(columns):
        raise BadHeader("Its first line names a column twice.")
    return columns


def account_of(columns: Sequence[Column], cells: Sequence[str]) -> dict[str, Any]:
    """An account of its cells. An empty cell is a field that was not sent: what is stored stays. Raises `BadRow`."""
    if len(cells) > len(columns):
        raise BadRow(f"Has {len(cells)} cells under {len(columns)} columns.")
    account: dict[str, Any] = {}
    for column, cell in zip(columns, cells, strict=False):
        if cell == "":
            continue
        head = column[0]
        if len(column) == 2:
            account.setdefault(head, {})[column[1]] = cell
        elif head in _NESTED:
            account.setdefault(head, {}).update(_object(column, cell))
        else:
            account[head] = cell
    return account


def _plain(name: str) -> str:
    return name.strip().replace("_", "").lower()


def _column(place: int, name: str) -> Column:
    if _plain(name) in _PLAIN:
        return (_PLAIN[_plain(name)],)
    head, dot, rest = name.partition(".")
    if head not in _NESTED or (dot and not rest) or len(name) > 200 or not name.isprintable():
        raise BadHeader(f"Its first line has an unknown name in column {place}.", place)
    return (head, rest) if dot else (head,)


def _object(column: Column, cell: str) -> dict[str, Any]:
    try:
        value = parse_json(cell)
    except NotJson as error:
        raise BadRow(f"Must be a JSON object. {error}", column) from None
    if not isinstance(value, dict):
        raise BadRow("Must be a JSON object.", column)
    return value
