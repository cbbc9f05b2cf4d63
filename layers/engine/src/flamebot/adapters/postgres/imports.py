"""Imports by file, on Postgres."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from flamebot.adapters.postgres import cursors
from flamebot.adapters.postgres.connection import Database, Row
from flamebot.adapters.postgres.overviews import overview
from flamebot.adapters.postgres.rows import moment, start_row_json, task_pointer, to_json
from flamebot.domain.errors import NotFound
from flamebot.ports.clock import Clock
from flamebot.ports.control_store import Caller
from flamebot.ports.engine_store import Json
from flamebot.ports.import_store import Chunk, NewImport, StagedRow, Stored, Turn
from flamebot.ports.read_store import Page

_COLUMNS: Final = "batch, import_id, row_number, flamebot_id, model_id, channel_id, config, version, ciphertext, start"
_UNKNOWN: Final = "There is no such import."


class PostgresImportStore:
    """`ImportStore` on Postgres. `turn` is how long a worker may be silent, in wall time; `room` how many tasks may be in flight."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        horizon: timedelta,
        lease: timedelta,
        room: int,
        turn: timedelta,
    ) -> None:
        self._database = database
        self._clock = clock
        self._horizon = horizon
        self._lease = lease
        self._room = room
        self._turn = turn

    def now(self) -> datetime:
        """Schedule time."""
        return moment(self._clock.now() or self._answer("select clock_timestamp() as answer"))

    def definition_document(self, definition_id: int) -> Json:
        """A definition version's document."""
        return dict(self._answer("select definition_document(%(id)s) as answer", id=definition_id))

    def reserve_credentials_versions(self, count: int) -> list[int]:
        """Credentials versions that nobody else will ever get."""
        rows = self._rows(
            "select v.version from reserve_credentials_versions(%(count)s) v (version)", count=count
        )
        return [row["version"] for row in rows]

    def begin_import(self, import_id: str, delivery_id: str) -> Turn | str | None:
        """The turn, a status, or None."""
        answer = self._answer(
            "select begin_import(%(id)s, %(delivery_id)s, %(now)s, %(turn)s) as answer",
            id=import_id,
            delivery_id=delivery_id,
            now=self._clock.now(),
            turn=self._turn,
        )
        if answer is None or not answer["begun"]:
            return None if answer is None else str(answer["status"])
        return Turn(
            import_id=import_id,
            fence=answer["fence"],
            tries=answer["tries"],
            format=answer["format"],
            size=answer["bytes"],
            bytes_read=answer["bytes_read"],
            last_line=answer["last_line"],
            definition_id=answer["workflow_id"],
            spread=timedelta(seconds=answer["spread_seconds"]),
            starts_at=moment(answer["starts_at"]),
        )

    def import_chunk(self, turn: Turn, chunk: Chunk) -> Stored:
        """COPY under a batch of its own, then the verb, which is called once again after a lost answer."""
        batch = str(uuid4())
        if chunk.staged:
            lines = io.StringIO("".join(_line(batch, turn.import_id, row) for row in chunk.staged))
            self._database.copy(f"copy import_staging ({_COLUMNS}) from stdin", lines)
        answer = self._answer(
            "select import_chunk(%(id)s, %(fence)s, %(batch)s, %(chunk)s, %(now)s, %(horizon)s, %(lease)s, %(rate)s, %(room)s, %(turn)s)"
            " as answer",
            id=turn.import_id,
            fence=turn.fence,
            batch=batch,
            chunk=to_json(_chunk_json(chunk)),
            now=self._clock.now(),
            horizon=self._horizon,
            lease=self._lease,
            rate=self._clock.rate,
            room=self._room,
            turn=self._turn,
        )
        if not answer["applied"]:
            return Stored(applied=False, status=answer["status"])
        counts = {name: answer[name] for name in ("created", "updated", "started", "rejected")}
        return Stored(
            applied=True,
            status=answer["status"],
            send=tuple(map(task_pointer, answer["send"])),
            **counts,
        )

    def release_import(self, turn: Turn) -> None:
        """Give the turn back."""
        self._rows("select release_import(%(id)s, %(fence)s)", id=turn.import_id, fence=turn.fence)

    def fail_import(self, turn: Turn, error: str) -> None:
        """End it."""
        self._rows(
            "select fail_import(%(id)s, %(fence)s, %(error)s)",
            id=turn.import_id,
            fence=turn.fence,
            error=error,
        )

    def miss_import_file(self, import_id: str) -> str | None:
        """There is no file."""
        status = self._answer("select miss_import_file(%(id)s) as answer", id=import_id)
        return None if status is None else str(status)

    def _answer(self, sql: str, **params: object) -> Any:  # noqa: ANN401  # whatever the function answers
        (row,) = self._rows(sql, **params)
        return row["answer"]

    def _rows(self, sql: str, **params: object) -> list[Row]:
        return self._database.call(sql, params, repeatable=True)


class PostgresImportAdmin:
    """`ImportAdmin` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create_import(self, new: NewImport, caller: Caller) -> tuple[str, bool]:
        """Await a file."""
        rows = self._database.call(
            "select create_import(%(id)s, %(file_name)s, %(format)s, %(bytes)s, %(workflow_id)s, %(spread)s, %(key)s, %(upload_for)s,"
            " %(actor)s, %(reason)s) as answer",
            {
                "id": new.import_id,
                "file_name": new.file_name,
                "format": new.format,
                "bytes": new.size,
                "workflow_id": new.definition_id,
                "spread": int(new.spread.total_seconds()),
                "key": new.key,
                "upload_for": new.upload_for,
                "actor": caller.actor,
                "reason": caller.reason,
            },
            repeatable=True,
        )
        answer = rows[0]["answer"]
        return str(answer["id"]), bool(answer["created"])

    def cancel_import(self, import_id: str, caller: Caller) -> None:
        """End it."""
        self._database.call(
            "select cancel_import(%(id)s, %(actor)s, %(reason)s)",
            {"id": import_id, "actor": caller.actor, "reason": caller.reason},
            repeatable=True,
        )

    def import_overview(self, import_id: str) -> Json:
        """One import."""
        rows = self._database.call(
            "select * from import_overview where id = %(id)s", {"id": import_id}, repeatable=True
        )
        if not rows:
            raise NotFound(_UNKNOWN)
        return overview(rows[0])

    def imports(self, cursor: str | None, limit: int) -> Page:
        """Newest first."""
        place: dict[str, object] = {"limit": limit + 1}
        where = ""
        if cursor is not None:
            place["at"], place["id"] = cursors.decode(cursor, cursors.moment, cursors.identifier)
            where = (
                "where i.created_at <= %(at)s and (i.created_at < %(at)s or i.id > %(id)s::uuid)"
            )
        rows = self._database.call(
            f"select i.* from import_overview i {where} order by i.created_at desc, i.id limit %(limit)s",
            place,
            repeatable=True,
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
        """In the order of the file."""
        (after,) = cursors.decode(cursor, cursors.number) if cursor is not None else (-1,)
        rows = self._database.call(
            "select r.* from rejected_rows r where r.import_id = %(id)s and r.row > %(after)s order by r.row limit %(limit)s",
            {"id": import_id, "after": after, "limit": limit + 1},
            repeatable=True,
        )
        if not rows:
            self.import_overview(import_id)
        more = len(rows) > limit
        return Page(
            items=[dict(row) for row in rows[:limit]],
            next_cursor=cursors.encode(rows[limit - 1]["row"]) if more else None,
        )


class PostgresImportMaintenance:
    """`ImportMaintenance` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_stalled_imports(self) -> list[tuple[str, bool]]:
        """Ids, and whether each stands still."""
        rows = self._database.call(
            "select s.id, s.stalled from find_stalled_imports() s", repeatable=True
        )
        return [(str(row["id"]), row["stalled"]) for row in rows]

    def delete_old_imports(self) -> int:
        """How many went."""
        return int(
            self._database.call("select delete_old_imports() as answer", repeatable=True)[0][
                "answer"
            ]
        )


def _chunk_json(chunk: Chunk) -> Json:
    return {
        "from_byte": chunk.from_byte,
        "to_byte": chunk.to_byte,
        "line": chunk.line,
        "rows": chunk.rows,
        "staged": len(chunk.staged),
        "done": chunk.done,
        "rejects": [
            {
                "row_number": reject.row,
                "flamebot_id": reject.flamebot_id,
                "code": reject.code,
                "errors": [
                    {"pointer": issue.pointer, "detail": issue.detail} for issue in reject.issues
                ],
            }
            for reject in chunk.rejects
        ],
    }


def _line(batch: str, import_id: str, row: StagedRow) -> str:
    """A row as COPY's text format has it."""
    account = row.account
    cells = (
        batch,
        import_id,
        str(row.row),
        _escaped(account.flamebot_id),
        _escaped(account.model_id),
        _escaped(account.channel_id),
        _escaped(to_json(account.config) if account.config is not None else None),
        str(account.version),
        f"\\\\x{account.ciphertext.hex()}" if account.ciphertext is not None else "\\N",
        _escaped(to_json(start_row_json(row.start)) if row.start is not None else None),
    )
    return "\t".join(cells) + "\n"


def _escaped(cell: str | None) -> str:
    """Four searches, which find nothing most of the time: a table of characters would look at each."""
    if cell is None:
        return "\\N"
    return cell.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
