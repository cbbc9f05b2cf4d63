"""The columns of a CSV file of accounts, and the account that a row's cells describe.

The command line reads files with this module too, so it imports little.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from flamebot.domain.strict_json import NotJson, parse_json

Column = tuple[str, ...]
"""A column's path in an account: ("modelId",), ("config", "city")."""

_PLAIN: Final = {"flamebotid": "flamebotId", "modelid": "modelId", "channelid": "channelId"}
_NESTED: Final = ("credentials", "config")
MOST_COLUMNS: Final = 200


class BadHeader(ValueError):
    """The first line does not name the columns of a file of accounts.

    The message never quotes the line: a file without a header has credentials in it. `number`,
    from 1, is that of a column with an unknown name.
    """

    def __init__(self, detail: str, number: int | None = None) -> None:
        super().__init__(detail)
        self.number = number


class BadRow(ValueError):
    """A row does not fit its columns. `column` is the one at fault, if it is a single one."""

    def __init__(self, detail: str, column: Column = ()) -> None:
        super().__init__(detail)
        self.column = column


def columns_of(names: Sequence[str]) -> list[Column]:
    """Return the columns that a header names, as modelId or model_id. Raises `BadHeader`."""
    if len(names) > MOST_COLUMNS:
        raise BadHeader(f"It has {len(names)} columns; {MOST_COLUMNS} is the limit.")
    # Without this column the line may be no header but a row. Nothing of it may be shown, not
    # even which cell is unknown.
    if "flamebotid" not in map(_plain, names):
        raise BadHeader("Its first line names no column flamebotId.")
    columns = [_column(number, name.strip()) for number, name in enumerate(names, 1)]
    if len(set(columns)) < len(columns):
        raise BadHeader("Its first line names a column twice.")
    return columns


def account_of(columns: Sequence[Column], cells: Sequence[str]) -> dict[str, Any]:
    """Return the account that a row's cells describe, not validated. Raises `BadRow`.

    An empty cell is a field that is left out, so that the stored value stays.
    """
    if len(cells) > len(columns):
        raise BadRow(f"Has {len(cells)} cells under {len(columns)} columns.")
    account: dict[str, Any] = {}
    for column, cell in zip(columns, cells, strict=False):
        if cell == "":
            continue
        field = column[0]
        if len(column) == 2:
            account.setdefault(field, {})[column[1]] = cell
        elif field in _NESTED:
            account.setdefault(field, {}).update(_object(column, cell))
        else:
            account[field] = cell
    return account


def _plain(name: str) -> str:
    return name.strip().replace("_", "").lower()


def _column(number: int, name: str) -> Column:
    if _plain(name) in _PLAIN:
        return (_PLAIN[_plain(name)],)
    field, dot, member = name.partition(".")
    known = field in _NESTED and (member or not dot)
    if not known or len(name) > 200 or not name.isprintable():
        raise BadHeader(f"Its first line has an unknown name in column {number}.", number)
    return (field, member) if dot else (field,)


def _object(column: Column, cell: str) -> dict[str, Any]:
    try:
        value = parse_json(cell)
    except NotJson as error:
        raise BadRow(f"Must be a JSON object. {error}", column) from None
    if not isinstance(value, dict):
        raise BadRow("Must be a JSON object.", column)
    return value
