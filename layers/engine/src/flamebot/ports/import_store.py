"""The database operations behind imports by file, one protocol per caller.

Each method that changes something is one SQL function of the same name, one transaction each.
Every method raises `StoreUnavailable` when the database cannot be reached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

from flamebot.domain.errors import ValidationIssue
from flamebot.domain.ids import DefinitionId, IdField
from flamebot.domain.message import TaskPointer
from flamebot.ports.admin_store import AccountRow, Caller, StartRow
from flamebot.ports.engine_store import Json
from flamebot.ports.read_store import Page

Format = Literal["csv", "jsonl"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImport:
    """An import to create; it then waits for its file."""

    import_id: str
    file_name: str | None
    format: Format
    size: int  # bytes
    definition_id: DefinitionId | None  # None: store the accounts only
    spread: timedelta  # schedule time
    key: str | None  # Idempotency-Key
    upload_for: timedelta  # wall time


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportLease:
    """A worker's exclusive right to continue an import from its checkpoint, until it expires.

    Each chunk renews it. A worker whose lease expired is refused by its fence.
    """

    import_id: str
    fence: int
    tries: int  # leases since the last chunk was stored, this one included
    format: Format
    size: int  # bytes
    bytes_read: int  # the checkpoint
    last_line: int  # lines before the checkpoint
    definition_id: DefinitionId | None
    spread: timedelta
    starts_at: datetime  # schedule time


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedRow:
    """A valid row, its credentials encrypted, on its way into the staging table."""

    row: int  # the line on which it begins
    account: AccountRow
    start: StartRow | None
    id_field: IdField = "accountId"


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    """A row that is not stored. It holds none of the row's values except the account's id."""

    row: int
    account_id: str | None
    code: str
    issues: tuple[ValidationIssue, ...]
    id_field: IdField = "accountId"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How often something occurs in a file, and the first line on which it does."""

    count: int
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """The rows between two bytes of a file."""

    from_byte: int  # the checkpoint that it continues from
    to_byte: int  # the checkpoint after it
    line: int  # the last line that was read
    rows: int  # read, valid or not
    staged: Sequence[StagedRow]
    rejects: Sequence[RejectedRow]
    last: bool
    observed: Mapping[str, Seen] = field(default_factory=dict)  # by names of `observations`


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkResult:
    """The result of storing a chunk.

    `applied` is False when the lease was lost, the import has ended, or the staged rows are gone;
    then nothing was stored and `status` is the import's status.
    """

    applied: bool
    status: str | None
    created: int = 0
    updated: int = 0
    started: int = 0
    rejected: int = 0
    send: tuple[TaskPointer, ...] = ()


class ImportStore(Protocol):
    """The operations of the worker."""

    def now(self) -> datetime:
        """Return the current schedule time."""
        ...

    def definition_document(self, definition_id: DefinitionId) -> Json:
        """Return the document of a definition version."""
        ...

    def reserve_credentials_versions(self, count: int) -> list[int]:
        """Return `count` credentials versions that no other caller gets."""
        ...

    def begin_import(self, import_id: str, delivery_id: str) -> ImportLease | str | None:
        """Take the lease of an import.

        Returns:
            The lease; or the import's status when another worker holds the lease or the import
            has ended; or None when there is no such import. With the same `delivery_id` again,
            the same lease.
        """
        ...

    def import_chunk(self, lease: ImportLease, chunk: Chunk) -> ChunkResult:
        """Stage the rows by COPY; then store them and move the checkpoint in one transaction."""
        ...

    def release_import(self, lease: ImportLease) -> None:
        """Give the lease back, so that the next worker need not wait until it expires."""
        ...

    def fail_import(self, lease: ImportLease, error: str) -> None:
        """End an import whose file cannot be read any further."""
        ...

    def miss_import_file(self, import_id: str) -> str | None:
        """Record that the import has no file; return its status, None for an unknown import."""
        ...


class ImportAdminStore(Protocol):
    """The operations of the API."""

    def create_import(self, new: NewImport, caller: Caller) -> tuple[str, bool]:
        """Create an import; return its id and whether it is new.

        With the key of an earlier one it returns that one. Raises `IdempotencyKeyReused`.
        """
        ...

    def cancel_import(self, import_id: str, caller: Caller) -> None:
        """End an import; no row is stored after the return. Raises `NotFound`, `NotAllowed`."""
        ...

    def import_overview(self, import_id: str) -> Json:
        """Return an import with its counts. Raises `NotFound`."""
        ...

    def imports(self, cursor: str | None, limit: int) -> Page:
        """Return a page of imports, newest first."""
        ...

    def rejected_rows(self, import_id: str, cursor: str | None, limit: int) -> Page:
        """Return a page of rejected rows, in the order of the file. Raises `NotFound`."""
        ...


class ImportMaintenanceStore(Protocol):
    """The operations of maintenance."""

    def find_stalled_imports(self) -> list[tuple[str, bool]]:
        """Return the ids of imports that a worker should process, and whether each is stalled."""
        ...

    def delete_old_imports(self) -> int:
        """Delete a batch of imports that ended 30 days ago (wall time); return how many."""
        ...
