"""Imports by file, as an operator sees them: announced, sent, watched, cancelled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import uuid4

from flamebot.domain.import_message import encode
from flamebot.ports.clock import Clock
from flamebot.ports.control_store import Caller
from flamebot.ports.engine_store import Json
from flamebot.ports.import_files import ImportFiles, Upload
from flamebot.ports.import_store import Format, ImportAdmin, NewImport
from flamebot.ports.queue import Message, StepQueue
from flamebot.ports.read_store import Page
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.imports.idempotency import checked_key

LARGEST_FILE: Final = 1024**3
UPLOAD_VALID: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOrder:
    """What was asked for. `workflow_type` None: store only."""

    file_name: str | None
    format: Format
    size: int
    workflow_type: str | None
    spread: timedelta  # schedule time
    key: str | None


class FileImports:
    """The use cases behind `/v1/imports`."""

    def __init__(
        self,
        *,
        admin: ImportAdmin,
        files: Callable[[], ImportFiles],
        catalog: DefinitionCatalog,
        hints: StepQueue,
        clock: Clock,
    ) -> None:
        """Take the ports; `files` is asked for when a file is announced: few starts of the API ever need it."""
        self._admin = admin
        self._files = files
        self._catalog = catalog
        self._hints = hints
        self._clock = clock

    def create(self, order: FileOrder, caller: Caller) -> tuple[Json, bool]:
        """The import with its `upload`, and whether it is new. Raises `Invalid`, `UnknownWorkflowType`, `IdempotencyKeyReused`.

        With the key of one that is there: that one, with a fresh address as long as it waits for its file.
        """
        key = checked_key(order.key)
        definition = (
            self._catalog.active(order.workflow_type) if order.workflow_type is not None else None
        )
        new = NewImport(
            import_id=str(uuid4()),
            file_name=order.file_name,
            format=order.format,
            size=order.size,
            definition_id=definition.definition_id if definition else None,
            spread=order.spread,
            key=key,
            upload_for=UPLOAD_VALID,
        )
        import_id, created = self._admin.create_import(new, caller)
        shown = self._admin.import_overview(import_id)
        upload: Upload | None = None
        if shown["status"] == "waiting":
            upload = self._files().upload(import_id, order.size, UPLOAD_VALID, self._clock.wall())
        return {**shown, "upload": upload}, created

    def cancel(self, import_id: str, caller: Caller) -> Json:
        """End it. Raises `NotFound`, `NotAllowed`."""
        self._admin.cancel_import(import_id, caller)
        # Its file goes now; if this gets lost, maintenance says it again.
        self._hints.send([Message(body=encode(import_id), delay_seconds=0)])
        return self._admin.import_overview(import_id)

    def show(self, import_id: str) -> Json:
        """One. Raises `NotFound`."""
        return self._admin.import_overview(import_id)

    def page(self, cursor: str | None, limit: int) -> Page:
        """Newest first."""
        return self._admin.imports(cursor, limit)

    def rejects(self, import_id: str, cursor: str | None, limit: int) -> Page:
        """The rows that were rejected. Raises `NotFound`."""
        return self._admin.rejected_rows(import_id, cursor, limit)
