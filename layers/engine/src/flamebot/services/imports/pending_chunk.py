"""A chunk of a file as it is read: valid rows, rejected rows and the checkpoint after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from flamebot.domain.errors import ValidationIssue
from flamebot.ports.import_store import Chunk, RejectedRow, StagedRow
from flamebot.services.imports.record_reader import Record
from flamebot.services.imports.rejects import rejected
from flamebot.services.imports.validate import AccountInput, validate_row

CHUNK_ROWS: Final = 2000
CHUNK_BYTES: Final = 4 * 1024 * 1024


@dataclass(slots=True)
class PendingChunk:
    """Rows that were read and are not stored yet."""

    from_byte: int
    to_byte: int
    line: int
    rows: int = 0
    valid: list[tuple[Record, AccountInput]] = field(default_factory=list)
    rejects: list[RejectedRow] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    def add(self, record: Record) -> None:
        """Validate a row as an import by request does."""
        self.rows += 1
        self.to_byte, self.line = record.end, record.last_line
        account, issues = (None, [record.issue]) if record.issue else validate_row(record.value)
        # A duplicate within the chunk is found here. One in an earlier chunk is found by SQL, from
        # accounts.last_import_id: no worker holds the ids of the whole file, nor knows those that
        # another worker stored before the checkpoint.
        if account is not None and account.flamebot_id in self.ids:
            account, issues = (
                None,
                [ValidationIssue("/flamebotId", "Appears earlier in this file.")],
            )
            code = "duplicate"
        else:
            code = "invalid"
        if account is None:
            self.rejects.append(rejected(record.line, record.value, code, issues))
        else:
            self.ids.add(account.flamebot_id)
            self.valid.append((record, account))

    @classmethod
    def after(cls, byte: int, line: int) -> PendingChunk:
        """Return an empty chunk that begins after a byte and a line."""
        return cls(from_byte=byte, to_byte=byte, line=line)

    @property
    def full(self) -> bool:
        """Whether the chunk should be stored."""
        return self.rows >= CHUNK_ROWS or self.to_byte - self.from_byte >= CHUNK_BYTES

    def chunk(self, staged: Sequence[StagedRow], *, last: bool) -> Chunk:
        """Return the chunk to store; `staged` holds the valid rows."""
        return Chunk(
            from_byte=self.from_byte,
            to_byte=self.to_byte,
            line=self.line,
            rows=self.rows,
            staged=staged,
            rejects=self.rejects,
            last=last,
        )
