"""The columns of a CSV file of accounts, and the account that a row's cells describe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from flamebot.domain.strict_json import NotJson, parse_json

Column = tuple[str, ...]
"""A column's path in an account: ("modelId",), ("config", "city"). The empty path has no name."""

_PLAIN: Final = {
    "accountid": "accountId",
    "flamebotid": "flamebotId",
    "modelid": "modelId",
    "channelid": "channelId",
}
_IDS: Final = (("accountId",), ("flamebotId",))
_NESTED: Final = ("credentials", "config")
MOST_COLUMNS: Final = 200
_WITHOUT_MARKS: Final = str.maketrans("", "", " \t\r\n\u00a0_-")


class BadHeader(ValueError):
    """The first line does not name the columns of a file of accounts.

    The message never quotes the line: a file without a header has credentials in it. `unknown`,
    from 1, is the number of a column with an unknown name.
    """

    def __init__(self, detail: str, unknown: int | None = None) -> None:
        super().__init__(detail)
        self.unknown = unknown


class BadRow(ValueError):
    """A row does not fit its columns. `column` is the one at fault, if it is a single one."""

    def __init__(self, detail: str, column: Column = ()) -> None:
        super().__init__(detail)
        self.column = column


def names_an_account(names: Sequence[str]) -> bool:
    """Return whether a line can be a header: one of its names is that of the accounts' ids."""
    return any(_PLAIN.get(_plain(name)) in ("accountId", "flamebotId") for name in names)


def columns_of(names: Sequence[str]) -> list[Column]:
    """Return the columns that a header names. Raises `BadHeader`.

    Case, blanks, "_" and "-" make no difference: accountId, account_id, "Account ID". Columns
    without a name may stand anywhere.
    """
    # Without this column the line may be no header but a row. Nothing of it may be shown, not
    # even which cell is unknown.
    if not names_an_account(names):
        raise BadHeader("Its first line names no column accountId (or flamebotId).")
    columns = [_column(number, name) for number, name in enumerate(names, 1)]
    while not columns[-1]:  # a spreadsheet writes as many columns as its widest row has
        columns.pop()
    if len(columns) > MOST_COLUMNS:
        raise BadHeader(f"It has {len(columns)} columns; {MOST_COLUMNS} is the limit.")
    seen: dict[Column, int] = {}
    for number, column in enumerate(columns, 1):
        same = ("accountId",) if column in _IDS else column
        if column and same in seen:
            raise BadHeader(
                f"Its first line names a column twice: columns {seen[same]} and {number}."
            )
        seen[same] = number
    return columns


def account_of(columns: Sequence[Column], cells: Sequence[str]) -> dict[str, Any]:
    """Return the account that a row's cells describe, not validated. Raises `BadRow`.

    An empty cell is a field that is left out, so that the stored value stays.
    """
    if any(cells[len(columns) :]):
        raise BadRow(
            f"Has {len(cells)} cells under {len(columns)} columns. A value with the separator in it"
            " needs quotes around it."
        )
    account: dict[str, Any] = {}
    for number, (column, cell) in enumerate(zip(columns, cells, strict=False), 1):
        if not cell:
            continue
        if not column:
            raise BadRow(f"Has a value in column {number}, which has no name in the first line.")
        field = column[0]
        if len(column) == 2:
            account.setdefault(field, {})[column[1]] = cell
        elif field in _NESTED:
            account.setdefault(field, {}).update(_object(column, cell))
        elif column in _IDS and names_an_account([cell]):
            raise BadRow("Is a header, as the first line: are these two files in one?", column)
        else:
            account[field] = cell
    return account


def _plain(name: str) -> str:
    return name.translate(_WITHOUT_MARKS).lower()


def _column(number: int, name: str) -> Column:
    if not name:
        return ()
    if _plain(name) in _PLAIN:
        return (_PLAIN[_plain(name)],)
    first, dot, member = (part.strip() for part in name.partition("."))
    field = first.lower()
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
