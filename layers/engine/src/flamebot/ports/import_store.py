"""The store's part for imports by file: what the worker, the API and maintenance ask. One method per SQL function, one transaction each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from flamebot.domain.errors import ValidationIssue
from flamebot.domain.message import TaskPointer
from flamebot.ports.control_store import AccountRow, Caller, StartRow
from flamebot.ports.engine_store import Json
from flamebot.ports.read_store import Page

Format = Literal["csv", "jsonl"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImport:
    """An import that is to wait for its file."""

    import_id: str
    file_name: str | None
    format: Format
    size: int  # bytes
    definition_id: int | None  # None: store only
    spread: timedelta  # schedule time
    key: str | None
    upload_for: timedelta  # wall time


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The right to go on with an import, from its checkpoint."""

    import_id: str
    fence: int
    tries: int  # turns since the last chunk was stored, this one included
    format: Format
    size: int
    bytes_read: int
    last_line: int
    definition_id: int | None
    spread: timedelta
    starts_at: datetime  # schedule time


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedRow:
    """A row on its way into the tables, credentials encrypted."""

    row: int
    account: AccountRow
    start: StartRow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    """A row that is not stored. Never a value of it but the account's id."""

    row: int
    flamebot_id: str | None
    code: str
    issues: tuple[ValidationIssue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Rows from one place of the file to another."""

    from_byte: int
    to_byte: int
    line: int  # the last one that was read
    rows: int
    staged: Sequence[StagedRow]
    rejects: Sequence[RejectedRow]
    done: bool  # nothing follows


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What became of a chunk. Not applied: the turn is somebody else's, the import is over, or its staged rows were lost."""

    applied: bool
    status: str | None
    created: int = 0
    updated: int = 0
    started: int = 0
    rejected: int = 0
    send: tuple[TaskPointer, ...] = ()


class ImportStore(Protocol):
    """The worker's verbs."""

    def now(self) -> datetime:
        """Schedule time."""
        ...

    def definition_document(self, definition_id: int) -> Json:
        """As in `EngineStore`."""
        ...

    def reserve_credentials_versions(self, count: int) -> list[int]:
        """As in `ControlStore`."""
        ...

    def begin_import(self, import_id: str, delivery_id: str) -> Turn | str | None:
        """The turn; else the status of one that is over or at work elsewhere; None: there is none. Repeatable with the same delivery_id."""
        ...

    def import_chunk(self, turn: Turn, chunk: Chunk) -> Stored:
        """Stage by COPY, then store, start and move the checkpoint in one transaction."""
        ...

    def release_import(self, turn: Turn) -> None:
        """Give the turn back."""
        ...

    def fail_import(self, turn: Turn, error: str) -> None:
        """End an import whose file cannot be read any further."""
        ...

    def miss_import_file(self, import_id: str) -> str | None:
        """Note that there is no file (any more); answer the import's status, None when there is no such import."""
        ...


class ImportAdmin(Protocol):
    """What the API asks."""

    def create_import(self, new: NewImport, caller: Caller) -> tuple[str, bool]:
        """The import's id, and whether it is new. Raises `IdempotencyKeyReused`."""
        ...

    def cancel_import(self, import_id: str, caller: Caller) -> None:
        """End it; effective when it returns. Raises `NotFound`, `NotAllowed`."""
        ...

    def import_overview(self, import_id: str) -> Json:
        """One import. Raises `NotFound`."""
        ...

    def imports(self, cursor: str | None, limit: int) -> Page:
        """Newest first."""
        ...

    def rejected_rows(self, import_id: str, cursor: str | None, limit: int) -> Page:
        """In the order of the file. Raises `NotFound`."""
        ...


class ImportMaintenance(Protocol):
    """What maintenance asks."""

    def find_stalled_imports(self) -> list[tuple[str, bool]]:
        """Imports that somebody should look at, and whether each stands still."""
        ...

    def delete_old_imports(self) -> int:
        """Forget those that ended 30 days ago (wall time), a few at a time."""
        ...
