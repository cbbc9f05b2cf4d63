"""Imports by file for the suites of the SQL functions: created, begun, with a chunk to store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from flamebot.adapters.postgres.imports import (
    PostgresImportAdminStore,
    PostgresImportMaintenanceStore,
    PostgresImportStore,
)
from flamebot.ports.admin_store import AccountRow, StartRow
from flamebot.ports.import_store import (
    Chunk,
    ChunkResult,
    ImportLease,
    NewImport,
    RejectedRow,
    StagedRow,
)
from tests.support.builders import HORIZON, LEASE, NOON
from tests.support.databases import Row, TestDatabase
from tests.support.stores import ALICE, StoppedClock

SIZE = 1000
IMPORT_LEASE = timedelta(seconds=90)


def worker(
    database: TestDatabase,
    at: datetime = NOON,
    *,
    queue_capacity: int = 1000,
    import_lease: timedelta = IMPORT_LEASE,
) -> PostgresImportStore:
    """Return the worker's store."""
    return PostgresImportStore(
        database.db,
        StoppedClock(at),
        horizon=HORIZON,
        task_lease=LEASE,
        import_lease=import_lease,
        queue_capacity=queue_capacity,
    )


def admin(database: TestDatabase) -> PostgresImportAdminStore:
    """Return the import store of the API."""
    return PostgresImportAdminStore(database.db)


def import_maintenance(database: TestDatabase) -> PostgresImportMaintenanceStore:
    """Return maintenance's store."""
    return PostgresImportMaintenanceStore(database.db)


def announce(database: TestDatabase, **fields: Any) -> str:
    """Create an import that waits for its file and return its id."""
    new = NewImport(
        **{
            "import_id": str(uuid4()),
            "file_name": "a.csv",
            "format": "csv",
            "size": SIZE,
            "definition_id": None,
            "spread": timedelta(0),
            "key": None,
            "upload_for": timedelta(hours=1),
            **fields,
        }
    )
    return admin(database).create_import(new, ALICE)[0]


def begun(database: TestDatabase, import_id: str | None = None, **fields: Any) -> ImportLease:
    """Begin an import and return its lease."""
    lease = worker(database).begin_import(import_id or announce(database, **fields), str(uuid4()))
    assert isinstance(lease, ImportLease), lease
    return lease


def a_row(account_id: str, row: int = 2, start: StartRow | None = None, **fields: Any) -> StagedRow:
    """Return a valid row to be staged."""
    values = {
        "model_id": "m",
        "channel_id": "c",
        "config": {"a": 1},
        "version": 100_001,
        "ciphertext": b"\x00sealed\\",
        **fields,
    }
    return StagedRow(row=row, account=AccountRow(account_id=account_id, **values), start=start)


def a_chunk(
    lease: ImportLease,
    *staged: StagedRow,
    to: int = 500,
    rejects: Sequence[RejectedRow] = (),
    last: bool = False,
    from_byte: int | None = None,
) -> Chunk:
    """Return a chunk that continues from the lease's checkpoint."""
    return Chunk(
        from_byte=lease.bytes_read if from_byte is None else from_byte,
        to_byte=to,
        line=1 + len(staged) + len(rejects),
        rows=len(staged) + len(rejects),
        staged=staged,
        rejects=rejects,
        last=last,
    )


def store(
    database: TestDatabase, lease: ImportLease, *staged: StagedRow, **fields: Any
) -> ChunkResult:
    """Store a chunk and return the result."""
    return worker(database).import_chunk(lease, a_chunk(lease, *staged, **fields))


def row_of(database: TestDatabase, import_id: str) -> Row:
    """Return the row of an import."""
    return database.one("select * from imports where id = %s", (import_id,))


def outlive(database: TestDatabase, seconds: int = 3600) -> None:
    """Let wall time pass for every lease, upload and import."""
    past = {"past": timedelta(seconds=seconds)}
    database.rows(
        "update imports set lease_expires_at = lease_expires_at - %(past)s,"
        " upload_until = upload_until - %(past)s, updated_at = updated_at - %(past)s,"
        " created_at = created_at - %(past)s, finished_at = finished_at - %(past)s",
        past,
    )


def log(database: TestDatabase) -> list[Row]:
    """Return the audit log, oldest first."""
    return database.rows("select * from audit_log order by id")
