"""Files of accounts as people have them, and what both ways of importing make of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from cli import accounts_file
from cli.failures import Failure
from flamebot.services.imports.csv_dialect import read_dialect
from flamebot.services.imports.file_lines import Lines, Unreadable
from flamebot.services.imports.observations import SuspectValue, warnings_of
from flamebot.services.imports.pending_chunk import PendingChunk
from flamebot.services.imports.record_reader import Format, csv_records, jsonl_records
from flamebot.services.imports.row_check import duplicate_of

BLANK = st.sampled_from(["", "", "", " ", "  ", "\t", "\u00a0", "\u200b", "\ufeff"])
SEPARATORS = (",", ";", "\t", "|")
LINE_ENDS = ("\n", "\r\n", "\r")
HEADERS: Mapping[str, Sequence[str]] = {
    "id": ("accountId", "flamebotId", "account_id", "Account ID", "FLAMEBOTID", "flamebot-id"),
    "model": ("modelId", "model_id", "Model ID", "MODELID"),
    "channel": ("channelId", "channel_id", " Channel Id"),
    "token": ("credentials.token", "Credentials.token", "credentials. token"),
    "note": ("config.note", "CONFIG.note"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a row: stored with a value, or rejected with issues."""

    line: int
    account_id: str | None
    id_field: str
    value: Any = None
    issues: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What became of a file: its rows, and why it was not read to its end."""

    rows: list[Outcome]
    failure: str | None
    warnings: list[tuple[str, str, int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """A way in which programs write CSV."""

    separator: str
    line_end: str
    bom: bool
    sep_line: bool
    quote_all: bool
    last_line_end: bool
    trailing: int  # empty columns at the end


def dialects() -> st.SearchStrategy[Dialect]:
    """Return ways of writing CSV."""
    return st.builds(
        Dialect,
        separator=st.sampled_from(SEPARATORS),
        line_end=st.sampled_from(LINE_ENDS),
        bom=st.booleans(),
        sep_line=st.booleans(),
        quote_all=st.booleans(),
        last_line_end=st.booleans(),
        trailing=st.integers(0, 2),
    )


def headers() -> st.SearchStrategy[list[str]]:
    """Return a spelling for each column."""
    return st.tuples(*(st.sampled_from(names) for names in HEADERS.values())).map(list)


def written(
    dialect: Dialect, table: Sequence[Sequence[str]], blank: Callable[[], str]
) -> tuple[bytes, list[int]]:
    """Return a file of the table's rows, and the line on which each begins.

    Args:
        dialect: how to write it.
        table: the rows; the first one is the header.
        blank: returns what stands before or after a cell.
    """
    text = f"sep={dialect.separator}{dialect.line_end}" if dialect.sep_line else ""
    lines = []
    for row in table:
        lines.append(1 + _line_ends(text, dialect.line_end))
        cells = [_cell(dialect, cell, blank) for cell in row] + [""] * dialect.trailing
        text += dialect.separator.join(cells) + dialect.line_end
    if not dialect.last_line_end:
        text = text.removesuffix(dialect.line_end)
    return (b"\xef\xbb\xbf" if dialect.bom else b"") + text.encode(), lines


def _cell(dialect: Dialect, cell: str, blank: Callable[[], str]) -> str:
    if dialect.quote_all or any(mark in cell for mark in (dialect.separator, '"', "\n", "\r")):
        cell = '"' + cell.replace('"', '""') + '"'
    before, after = (blank().replace(dialect.separator, "") for _ in range(2))
    return before + cell + after


def _line_ends(text: str, line_end: str) -> int:
    if line_end == "\r":
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.count("\n")


def by_command_line(path: Path) -> Reading:
    """Return what the command line makes of a small file."""
    rows: list[Outcome] = []
    failure = None
    file = None
    try:
        file = accounts_file.read(path)
        rows.extend(
            Outcome(
                line=row.number,
                account_id=row.account_id,
                id_field=row.id_field,
                value=row.value,
                issues=tuple((error["pointer"], error["detail"]) for error in row.errors),
            )
            for row in file.rows
        )
    except Failure as found:
        failure = found.why
    warnings = [
        (found["code"], found["field"], found["count"], int(found["row"].split()[1]))
        for found in (file.warnings() if file else [])
    ]
    return Reading(rows=rows, failure=failure, warnings=warnings)


def by_worker(raw: bytes, format_: Format, *, piece: int, chunk_rows: int) -> Reading:
    """Return what workers make of an uploaded file, each of which reads one chunk and dies.

    Args:
        raw: the file.
        format_: its format.
        piece: how many bytes come at a time.
        chunk_rows: after how many rows the next worker continues.
    """
    rows: list[Outcome] = []
    stored: dict[str, int] = {}
    seen: dict[str, Any] = {}
    byte, line, failure, ended = 0, 0, None, False
    while not ended:
        pending = PendingChunk.after(byte, line)
        try:
            records = _from(raw, format_, piece, byte, line)
            ended = True
            for record in records:
                pending.add(record)
                if pending.rows == chunk_rows:
                    ended = False
                    break
        except Unreadable as error:
            failure, ended = error.quoting, True
        rows += _outcomes(pending, stored)
        chunk = pending.chunk([], last=ended)
        for name, found in chunk.observed.items():
            before = seen.get(name)
            seen[name] = type(found)(
                count=found.count + (before.count if before else 0),
                line=min(found.line, before.line) if before else found.line,
            )
        byte, line = pending.to_byte, pending.line
    rows.sort(key=lambda row: row.line)
    return Reading(rows=rows, failure=failure, warnings=[_summary(w) for w in warnings_of(seen)])


def _summary(warning: SuspectValue) -> tuple[str, str, int, int]:
    return warning.code, warning.field, warning.count, warning.row


def _from(raw: bytes, format_: Format, piece: int, byte: int, line: int) -> Iterator[Any]:
    """Yield the records after a checkpoint, as a worker that begins there reads them."""
    if format_ == "jsonl":
        return jsonl_records(Lines(_cut(raw[byte:], piece), offset=byte, number=line))
    head = Lines(_cut(raw, piece), end=None)
    dialect = read_dialect(head)
    if byte == 0:
        return csv_records(head, dialect)
    rest = Lines(_cut(raw[byte:], piece), offset=byte, number=line, end=dialect.line_end)
    return csv_records(rest, dialect)


def _cut(raw: bytes, size: int) -> Iterator[bytes]:
    return (raw[start : start + size] for start in range(0, len(raw), size))


def _outcomes(pending: PendingChunk, stored: dict[str, int]) -> Iterator[Outcome]:
    """Yield what became of a chunk's rows; SQL knows the accounts of former chunks."""
    for accepted in pending.valid:
        record, account_id = accepted.record, accepted.account.account_id
        is_first = stored.setdefault(account_id, record.line) == record.line
        yield Outcome(
            line=record.line,
            account_id=account_id,
            id_field=record.id_field,
            value=record.value if is_first else None,
            issues=() if is_first else _duplicate(record.id_field, stored[account_id]),
        )
    for reject in pending.rejects:
        yield Outcome(
            line=reject.row,
            account_id=reject.account_id,
            id_field=reject.id_field,
            issues=_duplicate(reject.id_field, stored[reject.account_id or ""])
            if reject.code == "duplicate"
            else tuple((issue.pointer, issue.detail) for issue in reject.issues),
        )


def _duplicate(id_field: str, first: int) -> tuple[tuple[str, str], ...]:
    """Return what import_chunk writes about a row whose account was stored before."""
    return ((f"/{id_field}", duplicate_of(f"line {first}")),)
