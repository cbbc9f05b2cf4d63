"""The administration of imports by file: create, show, list and cancel them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import uuid4

from flamebot.domain.import_message import encode
from flamebot.ports.admin_store import Caller
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import Json
from flamebot.ports.import_files import ImportFiles, Upload
from flamebot.ports.import_store import Format, ImportAdminStore, NewImport, Seen
from flamebot.ports.queue import Message, StepQueue
from flamebot.ports.read_store import Page
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.imports.idempotency import checked_key
from flamebot.services.imports.observations import warnings_of

LARGEST_FILE: Final = 1024**3  # bytes
UPLOAD_VALID: Final = timedelta(hours=1)  # wall time


@dataclass(frozen=True, slots=True, kw_only=True)
class FileImportCommand:
    """A file of accounts that will be uploaded."""

    file_name: str | None
    format: Format
    size: int  # bytes
    workflow_type: str | None  # None: store the accounts only
    spread: timedelta  # schedule time
    key: str | None  # Idempotency-Key


class FileImports:
    """The use cases behind `/v1/imports`."""

    def __init__(
        self,
        *,
        store: ImportAdminStore,
        files: Callable[[], ImportFiles],
        catalog: DefinitionCatalog,
        wake_ups: StepQueue,
        clock: Clock,
    ) -> None:
        """Keep the ports.

        `files` is a factory: few processes of the API ever create an import, and an S3 client
        takes long to construct.
        """
        self._store = store
        self._files = files
        self._catalog = catalog
        self._wake_ups = wake_ups
        self._clock = clock

    def create(self, command: FileImportCommand, caller: Caller) -> tuple[Json, bool]:
        """Create an import; return it with its `upload`, and whether it is new.

        With the key of an earlier import it returns that one, with a fresh upload address while
        it waits for its file.

        Raises:
            Invalid: the Idempotency-Key is malformed.
            UnknownWorkflowType: there is no definition to start.
            IdempotencyKeyReused: the key was used with another request.
        """
        key = checked_key(command.key)
        definition = (
            self._catalog.current(command.workflow_type)
            if command.workflow_type is not None
            else None
        )
        new = NewImport(
            import_id=str(uuid4()),
            file_name=command.file_name,
            format=command.format,
            size=command.size,
            definition_id=definition.definition_id if definition else None,
            spread=command.spread,
            key=key,
            upload_for=UPLOAD_VALID,
        )
        import_id, created = self._store.create_import(new, caller)
        shown = _with_warnings(self._store.import_overview(import_id))
        upload: Upload | None = None
        if shown["status"] == "waiting":
            upload = self._files().upload(import_id, command.size, UPLOAD_VALID, self._clock.wall())
        return {**shown, "upload": upload}, created

    def cancel(self, import_id: str, caller: Caller) -> Json:
        """End an import and return it. Raises `NotFound`, `NotAllowed`."""
        self._store.cancel_import(import_id, caller)
        # The worker deletes the file. If this message is lost, maintenance sends another.
        self._wake_ups.send([Message(body=encode(import_id), delay_seconds=0)])
        return _with_warnings(self._store.import_overview(import_id))

    def show(self, import_id: str) -> Json:
        """Return an import with its counts. Raises `NotFound`."""
        return _with_warnings(self._store.import_overview(import_id))

    def page(self, cursor: str | None, limit: int) -> Page:
        """Return a page of imports, newest first."""
        page = self._store.imports(cursor, limit)
        return replace(page, items=[_with_warnings(item) for item in page.items])

    def rejects(self, import_id: str, cursor: str | None, limit: int) -> Page:
        """Return a page of rejected rows, in the order of the file. Raises `NotFound`."""
        return self._store.rejected_rows(import_id, cursor, limit)


def _with_warnings(shown: Json) -> Json:
    """Return an import as the API shows it, with the warnings about its rows."""
    seen = {name: Seen(**marked) for name, marked in (shown.get("observed") or {}).items()}
    return {**shown, "warnings": warnings_of(seen)}
