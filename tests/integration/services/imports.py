"""Imports by file: the real worker on Postgres under its role, with a bucket in memory.

In memory, so that a fault can be placed inside a read.
"""

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
    POLICY,
    TESTER,
    Engine,
    KeepingQueue,
)
from tests.support.databases import PASSWORD, Row, execute
from tests.support.imports import outlive

SECRET = "planted-hunter2-xyzzy"
HEADER = "accountId,modelId,channelId,credentials.token,config.city\n"


def csv_of(count: int, first: int = 0) -> str:
    """Return a CSV file of valid accounts."""
    return HEADER + "".join(
        f"acct-{n},m{n},c{n},{SECRET}-{n},Zürich\n" for n in range(first, first + count)
    )


class KeptFiles:
    """A bucket in memory that can fail between two pieces of a file.

    The contract suite tests S3 itself.
    """

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
        for offset in range(0, len(content), self.piece):
            if self.break_after is not None and offset >= self.break_after:
                raise FilesUnavailable
            yield content[offset : offset + self.piece]

    def delete(self, import_id: str) -> None:
        self.content.pop(import_id, None)


class Imports:
    """Creates imports, uploads their files and runs workers on them."""

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
        """Return a new worker, as in a new process."""
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
        """Create an import and upload its file."""
        raw = content.encode() if isinstance(content, str) else content
        values = {
            "import_id": str(uuid4()),
            "file_name": None,
            "format": "csv",
            "size": len(raw),
            "definition_id": None,
            "spread": timedelta(0),
            "key": None,
            "upload_for": timedelta(hours=1),
            **fields,
        }
        import_id, _ = self.admin.create_import(NewImport(**values), TESTER)
        self.files.content[import_id] = raw
        return import_id

    def deliver(
        self,
        import_id: str,
        worker: RunImport | None = None,
        time_left: Callable[[], float] = lambda: 1000.0,
    ) -> list[str]:
        """Deliver one wake-up message; return the messages to deliver again."""
        return (worker or self.worker()).run({"m": [import_id]}, time_left)

    def recover(self, import_id: str) -> Row:
        """Let leases expire and maintenance run, with workers that no longer fail."""
        for _ in range(6):
            outlive(self.engine.database, 400)
            self.maintenance.run()
            self.wake_ups.kept, due = [], self.wake_ups.kept
            for message in due:
                named = {"m": import_ids(message.body)}
                assert self.worker().run(named, lambda: 1000.0) == []
        return self.row(import_id)

    def row(self, import_id: str) -> Row:
        """Return the row of the import."""
        return self.engine.database.one("select * from imports where id = %s", (import_id,))

    def counts(self, import_id: str) -> tuple[Any, ...]:
        """Return status, rows, created, started and rejected."""
        row = self.row(import_id)
        return tuple(
            row[name] for name in ("status", "rows_read", "created", "started", "rejected")
        )

    def rejects(self, import_id: str) -> list[tuple[int, str | None, str, list[dict[str, str]]]]:
        """Return the rejected rows."""
        rows = self.admin.rejected_rows(import_id, None, 200).items
        return [(row["row"], row["account_id"], row["code"], row["errors"]) for row in rows]
