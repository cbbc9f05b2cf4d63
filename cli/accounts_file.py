"""Files of accounts: JSON (a list, or a whole import request), JSON lines and CSV.

Rows are read and checked with the code that the engine uses for a file that is uploaded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NoReturn

from cli.failures import Exit, Failure

if TYPE_CHECKING:
    from flamebot.services.imports.record_reader import Format, Record
    from flamebot.services.imports.row_check import RowCheck

CSV: Final = (".csv", ".tsv", ".tab", ".txt")
JSON_LINES: Final = (".jsonl", ".ndjson")
_WORKBOOKS: Final = (".xlsx", ".xlsm", ".xls", ".ods", ".numbers")
_REQUEST: Final = {"accounts", "startAutomation", "workflowType", "spreadSeconds"}
_COLUMNS: Final = (
    "The columns are accountId, modelId, channelId, credentials.NAME and config.NAME (or"
    ' credentials and config as JSON). A spreadsheet saves such a file as "CSV UTF-8".'
)
_NO_FILE: Final = "There is no such file."
_PIECE: Final = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A row of a file: a value to send, or the reasons why it is rejected."""

    number: int
    account_id: str | None
    id_field: str
    value: Any = field(default=None, repr=False)
    errors: Sequence[dict[str, str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsFile:
    """The accounts of a file; `rows` reads on and raises `Failure` where it cannot."""

    rows: Iterator[FileRow]
    unit: str  # what the number of a row counts: "line" or "row"
    warnings: Callable[[], list[dict[str, Any]]]  # about the rows that were read so far
    total: int | None = None  # None: not known before the end
    options: dict[str, Any] = field(default_factory=dict)  # those of a whole import request


def format_of(path: Path) -> Format | None:
    """Return the format of a file with one row a line; None for a JSON document."""
    suffix = path.suffix.lower()
    return "csv" if suffix in CSV else "jsonl" if suffix in JSON_LINES else None


def read(path: Path) -> AccountsFile:
    """Open a file of accounts. CSV and JSON lines are read row by row. Raises `Failure`."""
    # Imported here: `flamebot --help` does not need it.
    from flamebot.services.imports.row_check import RowCheck

    if path.suffix.lower() in _WORKBOOKS:
        _unreadable(path, 'It is a workbook. Save the sheet as "CSV UTF-8" and import that.')
    format_ = format_of(path)
    unit = "line" if format_ else "row"
    checks = RowCheck(unit)
    if format_:
        if not path.is_file():
            _unreadable(path, _NO_FILE)
        rows, total = _records(path, format_), None
        options: dict[str, Any] = {}
    else:
        accounts, options = _document(path)
        rows, total = _numbered(accounts), len(accounts)
    return AccountsFile(
        rows=_checked(rows, checks),
        unit=unit,
        warnings=lambda: _warnings(checks, unit),
        total=total,
        options=options,
    )


def is_large(path: Path, most: int) -> bool:
    """Return whether a file of lines holds more than `most` rows. Raises `Failure`.

    Reads only as far as needed. A file that cannot be read so far is not large: reading it row by
    row reports where.
    """
    format_ = format_of(path)
    if format_ is None:
        return False
    try:
        return sum(1 for _ in islice(_records(path, format_), most + 1)) > most
    except Failure as failure:
        if path.is_file() and failure.code == "unreadable":
            return False
        raise


def _records(path: Path, format_: Format) -> Iterator[Record]:
    from flamebot.services.imports.file_lines import Unreadable
    from flamebot.services.imports.record_reader import file_records

    try:
        with path.open("rb") as file:
            yield from file_records(_pieces(file), format_)
    except Unreadable as error:
        _unreadable(path, error.quoting, columns=error.header)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        _unreadable(
            path, _NO_FILE if missing else error.strerror or "It cannot be opened.", code=None
        )


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece


def _numbered(accounts: list[Any]) -> Iterator[Record]:
    from flamebot.domain.ids import id_field
    from flamebot.services.imports.record_reader import Record

    for number, account in enumerate(accounts, 1):
        yield Record(
            line=number, end=number, last_line=number, value=account, id_field=id_field(account)
        )


def _checked(records: Iterator[Record], checks: RowCheck) -> Iterator[FileRow]:
    from flamebot.services.imports.row_check import AcceptedRow

    for record in records:
        checked = checks.check(record)
        if isinstance(checked, AcceptedRow):
            yield FileRow(
                number=record.line,
                account_id=checked.account.account_id,
                id_field=record.id_field,
                value=record.value,
            )
        else:
            yield FileRow(
                number=record.line,
                account_id=checked.account_id,
                id_field=record.id_field,
                errors=[
                    {"pointer": issue.pointer, "detail": issue.detail} for issue in checked.issues
                ],
            )


def _warnings(checks: RowCheck, unit: str) -> list[dict[str, Any]]:
    from flamebot.services.imports.observations import warnings_of

    return [
        {
            "code": warning.code,
            "field": warning.field,
            "count": warning.count,
            "row": f"{unit} {warning.row}",
            "detail": warning.detail,
        }
        for warning in warnings_of(checks.observed)
    ]


def _document(path: Path) -> tuple[list[Any], dict[str, Any]]:
    """Return the accounts and the options of a JSON document. Raises `Failure`."""
    from flamebot.domain.strict_json import NotJson, parse_json
    from flamebot.services.imports.file_lines import Unreadable, check_format

    try:
        raw = path.read_bytes()
        check_format(raw[:4])
        document = parse_json(raw.decode("utf-8-sig"))
    except OSError as error:
        _unreadable(path, error.strerror or "It cannot be opened.")
    except Unreadable as error:
        _unreadable(path, error.quoting)
    except UnicodeDecodeError:
        _unreadable(path, "It is not a text file in UTF-8.")
    except NotJson as error:
        # Not the decoder's own text: it quotes the file, and the file holds credentials.
        _unreadable(path, _not_json(raw.decode("utf-8-sig"), str(error)))
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
    return document, options


def _not_json(text: str, why: str) -> str:
    """Return why a document cannot be read, with the place, and another name that may fit."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        place = f" (line {error.lineno}, column {error.colno})"
        if error.msg == "Extra data":
            return f"It is not one JSON document{place}. {_NAMES}"
        return f"It is not valid JSON{place}. {_NAMES}"
    except (ValueError, RecursionError):
        pass
    return f"It is not valid JSON. {why}"


_NAMES: Final = (
    "The name of a CSV file ends in .csv, that of a file with one account per line in .jsonl."
)


def _unreadable(
    path: Path, why: str, *, code: str | None = "unreadable", columns: bool = False
) -> NoReturn:
    raise Failure(
        f"{path} cannot be imported",
        why,
        _COLUMNS if columns else None,
        Exit.USAGE,
        code=code,
    ) from None
