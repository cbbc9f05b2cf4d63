"""A chunk of a file as it is read: valid rows, rejected rows and the checkpoint after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from flamebot.ports.import_store import Chunk, RejectedRow, StagedRow
from flamebot.services.imports.record_reader import Record
from flamebot.services.imports.row_check import AcceptedRow, RowCheck

CHUNK_ROWS: Final = 2000
CHUNK_BYTES: Final = 4 * 1024 * 1024


@dataclass(slots=True)
class PendingChunk:
    """Rows that were read and are not stored yet."""

    from_byte: int
    to_byte: int
    line: int
    rows: int = 0
    valid: list[AcceptedRow] = field(default_factory=list)
    rejects: list[RejectedRow] = field(default_factory=list)
    checks: RowCheck = field(default_factory=RowCheck)

    def add(self, record: Record) -> None:
        """Check a row as the command line does for a small file."""
        self.rows += 1
        self.to_byte, self.line = record.end, record.last_line
        # A duplicate within the chunk is found here. One in an earlier chunk is found by SQL, from
        # accounts.last_import_id: no worker holds the ids of the whole file, nor knows those that
        # another worker stored before the checkpoint.
        checked = self.checks.check(record)
        if isinstance(checked, AcceptedRow):
            self.valid.append(checked)
        else:
            self.rejects.append(checked)

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
            observed=self.checks.observed,
        )
