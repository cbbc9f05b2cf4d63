"""Imports by file with the real worker on real Postgres under its role; the bucket is in memory, so that faults strike within a read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from devstack.postgres import Server
from flamebot.actions.registry import REGISTRY
from flamebot.adapters.postgres.connection import Database
from flamebot.adapters.postgres.imports import (
    PostgresImportAdminStore,
    PostgresImportMaintenanceStore,
    PostgresImportStore,
)
from flamebot.adapters.s3.events import import_ids
from flamebot.domain.errors import FilesUnavailable
from flamebot.ports.import_store import NewImport
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.imports import pending_chunk
from flamebot.services.imports.from_file import RunImport
from flamebot.services.imports.maintenance import MaintainImports
from tests.integration.services.engine import (
    HORIZON,
    LEASE,
    PASSWORD,
    POLICY,
    TESTER,
    Engine,
    KeepingQueue,
)
from tests.support.databases import Row, execute
from tests.support.imports import outlive

SECRET = "planted-hunter2-xyzzy"
HEADER = "flamebotId,modelId,channelId,credentials.token,config.city\n"


def csv_of(count: int, first: int = 0) -> str:
    """A file of good accounts."""
    return HEADER + "".join(
        f"acct-{n},m{n},c{n},{SECRET}-{n},Zürich\n" for n in range(first, first + count)
    )


class KeptFiles:
    """A bucket in memory: what S3 does is the contract's suite; here faults must strike between its pieces."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.break_after: int | None = None  # bytes of a read
        self.piece = 100

    def size(self, import_id: str) -> int | None:
        found = self.content.get(import_id)
        return None if found is None else len(found)

    @contextmanager
    def read(self, import_id: str, start: int) -> Iterator[Iterator[bytes]]:
        if import_id not in self.content:
            raise FilesUnavailable
        yield self._pieces(self.content[import_id][start:])

    def _pieces(self, content: bytes) -> Iterator[bytes]:
        for place in range(0, len(content), self.piece):
            if self.break_after is not None and place >= self.break_after:
                raise FilesUnavailable
            yield content[place : place + self.piece]

    def delete(self, import_id: str) -> None:
        self.content.pop(import_id, None)


class Imports:
    """Announces files, sends them, has workers look at them."""

    def __init__(self, engine: Engine, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        execute(server.url(), f"alter role flamebot_import_file password '{PASSWORD}'")
        monkeypatch.setattr(pending_chunk, "CHUNK_ROWS", 3)
        self.engine = engine
        self.files = KeptFiles()
        self.wake_ups = KeepingQueue(engine.clock)
        self._url = partial(
            server.url, engine.database.name, user="flamebot_import_file", password=PASSWORD
        )
        self._database = Database(self._url)
        self.admin = PostgresImportAdminStore(engine.database.db)
        self.maintenance = MaintainImports(
            store=PostgresImportMaintenanceStore(engine.database.db),
            wake_ups=self.wake_ups,
            telemetry=engine.telemetry,
        )

    def worker(self, wrap: Callable[[str, Any], Any] = lambda _, port: port) -> RunImport:
        """A worker's process."""
        store = PostgresImportStore(
            self._database,
            self.engine.clock,
            horizon=HORIZON,
            task_lease=LEASE,
            import_lease=timedelta(seconds=90),
            queue_capacity=1000,
        )
        return RunImport(
            store=wrap("store", store),
            files=wrap("files", self.files),
            vault=wrap("vault", self.engine.vault),
            catalog=DefinitionCatalog(store, REGISTRY, POLICY),
            steps=wrap("steps", self.engine.queue),
            wake_ups=wrap("wake_ups", self.wake_ups),
            clock=self.engine.clock,
            telemetry=self.engine.telemetry,
        )

    def announce(self, content: str | bytes, **fields: Any) -> str:
        """Announce a file and send it."""
        raw = content.encode() if isinstance(content, str) else content
        values = {
            "import_id": str(uuid4()), "file_name": None, "format": "csv", "size": len(raw), "definition_id": None,
            "spread": timedelta(0), "key": None, "upload_for": timedelta(hours=1), **fields,
        }  # fmt: skip
        import_id, _ = self.admin.create_import(NewImport(**values), TESTER)
        self.files.content[import_id] = raw
        return import_id

    def look(
        self,
        import_id: str,
        worker: RunImport | None = None,
        time_left: Callable[[], float] = lambda: 1000.0,
    ) -> list[str]:
        """One delivery; what should come again."""
        return (worker or self.worker()).run({"m": [import_id]}, time_left)

    def recover(self, import_id: str) -> Row:
        """Wall time passes, maintenance comes by, and nobody dies any more."""
        for _ in range(6):
            outlive(self.engine.database, 400)
            self.maintenance.run()
            self.wake_ups.kept, due = [], self.wake_ups.kept
            for message in due:
                named = {"m": import_ids(message.body)}
                assert self.worker().run(named, lambda: 1000.0) == []
        return self.row(import_id)

    def row(self, import_id: str) -> Row:
        """The import's row."""
        return self.engine.database.one("select * from imports where id = %s", (import_id,))

    def counts(self, import_id: str) -> tuple[Any, ...]:
        """Status, rows, created, started, rejected."""
        row = self.row(import_id)
        return tuple(
            row[name] for name in ("status", "rows_read", "created", "started", "rejected")
        )

    def rejects(self, import_id: str) -> list[tuple[int, str | None, str, list[dict[str, str]]]]:
        """The rejected rows."""
        rows = self.admin.rejected_rows(import_id, None, 200).items
        return [(row["row"], row["flamebot_id"], row["code"], row["errors"]) for row in rows]
