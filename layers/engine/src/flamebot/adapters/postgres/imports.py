"""Imports by file on Postgres: one method per SQL function, in the order of an import's life."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from flamebot.adapters.postgres import cursors, staging
from flamebot.adapters.postgres.connection import Database, Row
from flamebot.adapters.postgres.overviews import overview
from flamebot.adapters.postgres.rows import moment, task_pointer, to_json
from flamebot.adapters.postgres.shared_calls import SharedCalls
from flamebot.domain.errors import NotFound
from flamebot.ports.admin_store import Caller
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import Json
from flamebot.ports.import_store import Chunk, ChunkResult, ImportLease, NewImport
from flamebot.ports.read_store import Page

_COUNTS: Final = ("created", "updated", "started", "rejected")


class PostgresImportStore(SharedCalls):
    """`ImportStore` on Postgres.

    Every call may be repeated by `Database` after a lost connection: each SQL function is
    idempotent by a fence, a delivery id or a batch id.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        horizon: timedelta,
        task_lease: timedelta,
        import_lease: timedelta,
        queue_capacity: int,
    ) -> None:
        """Keep what every call passes along.

        Args:
            database: the connection of role `flamebot_import_file`.
            clock: schedule time.
            horizon: first tasks due within it are queued at once (schedule time).
            task_lease: lease of a queued task (wall time).
            import_lease: how long a worker may take for a chunk (wall time).
            queue_capacity: how many tasks may be queued at a time; the tick claims the others.
        """
        super().__init__(database, clock)
        self._horizon = horizon
        self._task_lease = task_lease
        self._import_lease = import_lease
        self._queue_capacity = queue_capacity

    def begin_import(self, import_id: str, delivery_id: str) -> ImportLease | str | None:
        """Take the lease of an import; else return its status, or None when there is none."""
        # Repeated with the same delivery id after a lost connection, the call returns the lease
        # that it took. Without the id it would take its own lease for another worker's.
        found = self._value(
            "begin_import(%(id)s, %(delivery_id)s, %(now)s, %(lease)s)",
            id=import_id,
            delivery_id=delivery_id,
            now=self._clock.now(),
            lease=self._import_lease,
        )
        if found is None or not found["begun"]:
            return None if found is None else str(found["status"])
        return _lease(import_id, found)

    def import_chunk(self, lease: ImportLease, chunk: Chunk) -> ChunkResult:
        """Stage the rows by COPY; then store them and move the checkpoint in one transaction."""
        # Staging is a transaction of its own, into an unlogged table: no write-ahead log for rows
        # that live for milliseconds. A crash of the server empties the table; import_chunk counts
        # the rows of the batch and applies nothing when some are missing.
        batch = str(uuid4())
        if chunk.staged:
            lines = "".join(staging.copy_line(batch, lease.import_id, row) for row in chunk.staged)
            self._database.copy(staging.COPY, io.StringIO(lines))
        found = self._value(
            "import_chunk(%(id)s, %(fence)s, %(batch)s, %(chunk)s, %(now)s, %(horizon)s,"
            " %(task_lease)s, %(rate)s, %(queue_capacity)s, %(import_lease)s)",
            id=lease.import_id,
            fence=lease.fence,
            batch=batch,
            chunk=to_json(staging.chunk_json(chunk)),
            now=self._clock.now(),
            horizon=self._horizon,
            task_lease=self._task_lease,
            rate=self._clock.rate,
            queue_capacity=self._queue_capacity,
            import_lease=self._import_lease,
        )
        if not found["applied"]:
            return ChunkResult(applied=False, status=found["status"])
        return ChunkResult(
            applied=True,
            status=found["status"],
            send=tuple(map(task_pointer, found["send"])),
            **{name: found[name] for name in _COUNTS},
        )

    def release_import(self, lease: ImportLease) -> None:
        """Give the lease back before it expires."""
        self._value("release_import(%(id)s, %(fence)s)", id=lease.import_id, fence=lease.fence)

    def fail_import(self, lease: ImportLease, error: str) -> None:
        """End an import whose file cannot be read any further."""
        self._value(
            "fail_import(%(id)s, %(fence)s, %(error)s)",
            id=lease.import_id,
            fence=lease.fence,
            error=error,
        )

    def miss_import_file(self, import_id: str) -> str | None:
        """Record that the import has no file; return its status, None for an unknown import."""
        status = self._value("miss_import_file(%(id)s)", id=import_id)
        return None if status is None else str(status)

    def _value(self, call: str, **params: object) -> Any:  # noqa: ANN401  # whatever the function returns
        return self._database.value(call, params, repeatable=True)


class PostgresImportAdminStore:
    """`ImportAdminStore` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create_import(self, new: NewImport, caller: Caller) -> tuple[str, bool]:
        """Create an import; return its id and whether it is new."""
        (row,) = self._rows(
            "select create_import(%(id)s, %(file_name)s, %(format)s, %(bytes)s, %(definition_id)s,"
            " %(spread)s, %(key)s, %(upload_for)s, %(actor)s, %(reason)s) as value",
            id=new.import_id,
            file_name=new.file_name,
            format=new.format,
            bytes=new.size,
            definition_id=new.definition_id,
            spread=int(new.spread.total_seconds()),
            key=new.key,
            upload_for=new.upload_for,
            actor=caller.actor,
            reason=caller.reason,
        )
        return str(row["value"]["id"]), bool(row["value"]["created"])

    def cancel_import(self, import_id: str, caller: Caller) -> None:
        """End an import; no row is stored after the return."""
        self._rows(
            "select cancel_import(%(id)s, %(actor)s, %(reason)s)",
            id=import_id,
            actor=caller.actor,
            reason=caller.reason,
        )

    def import_overview(self, import_id: str) -> Json:
        """Return an import with its counts."""
        rows = self._rows("select * from import_overview where id = %(id)s", id=import_id)
        if not rows:
            raise NotFound("There is no such import.")
        return overview(rows[0])

    def imports(self, cursor: str | None, limit: int) -> Page:
        """Return a page of imports, newest first."""
        after: dict[str, object] = {}
        where = ""
        if cursor is not None:
            after["at"], after["id"] = cursors.decode(cursor, cursors.moment, cursors.identifier)
            # The first condition is the index's; the second orders the imports of one moment.
            where = (
                "where i.created_at <= %(at)s and (i.created_at < %(at)s or i.id > %(id)s::uuid)"
            )
        rows = self._rows(
            f"select i.* from import_overview i {where}"
            " order by i.created_at desc, i.id limit %(limit)s",
            **after,
            limit=limit + 1,
        )
        items = [overview(row) for row in rows[:limit]]
        more = len(rows) > limit
        return Page(
            items=items,
            next_cursor=cursors.encode(items[-1]["created_at"], str(items[-1]["id"]))
            if more
            else None,
        )

    def rejected_rows(self, import_id: str, cursor: str | None, limit: int) -> Page:
        """Return a page of rejected rows, in the order of the file."""
        (after,) = cursors.decode(cursor, cursors.number) if cursor is not None else (-1,)
        rows = self._rows(
            "select r.* from rejected_rows r where r.import_id = %(id)s and r.row > %(after)s"
            " order by r.row limit %(limit)s",
            id=import_id,
            after=after,
            limit=limit + 1,
        )
        if not rows:
            self.import_overview(import_id)  # raises NotFound for an unknown import
        more = len(rows) > limit
        return Page(
            items=[dict(row) for row in rows[:limit]],
            next_cursor=cursors.encode(rows[limit - 1]["row"]) if more else None,
        )

    def _rows(self, sql: str, **params: object) -> list[Row]:
        return self._database.call(sql, params, repeatable=True)


class PostgresImportMaintenanceStore:
    """`ImportMaintenanceStore` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_stalled_imports(self) -> list[tuple[str, bool]]:
        """Return the ids of imports that a worker should process, and whether each is stalled."""
        rows = self._database.call(
            "select s.id, s.stalled from find_stalled_imports() s", repeatable=True
        )
        return [(str(row["id"]), row["stalled"]) for row in rows]

    def delete_old_imports(self) -> int:
        """Delete a batch of imports that ended 30 days ago; return how many."""
        return int(self._database.value("delete_old_imports()", repeatable=True))


def _lease(import_id: str, found: Json) -> ImportLease:
    return ImportLease(
        import_id=import_id,
        fence=found["fence"],
        tries=found["tries"],
        format=found["format"],
        size=found["bytes"],
        bytes_read=found["bytes_read"],
        last_line=found["last_line"],
        definition_id=found["workflow_id"],
        spread=timedelta(seconds=found["spread_seconds"]),
        starts_at=moment(found["starts_at"]),
    )
