"""Imports by file: announced, watched, cancelled."""

from __future__ import annotations

from datetime import timedelta

from flamebot.http.answer import Answer, told
from flamebot.http.import_schemas import (
    CreatedImport,
    FileImport,
    FileImportPage,
    FileImportRequest,
    RejectedRowPage,
)
from flamebot.http.parameters import import_id
from flamebot.http.request import Request
from flamebot.http.router import Handler
from flamebot.services.imports.admin import FileImports, FileOrder


class ImportsByFile:
    """Handlers of `/v1/imports`."""

    def __init__(self, imports: FileImports) -> None:
        self._imports = imports

    def handlers(self) -> dict[str, Handler]:
        """By the endpoint's name."""
        return {
            "create_import": self.create,
            "list_imports": self.page,
            "show_import": self.show,
            "list_rejected_rows": self.rejects,
            "cancel_import": self.cancel,
        }

    def create(self, request: Request) -> Answer:
        """201 with an address for the file; 200 for the import that has the key."""
        asked: FileImportRequest = request.body
        order = FileOrder(
            file_name=asked.file_name,
            format=asked.format,
            size=asked.bytes,
            workflow_type=asked.workflow_type if asked.start_automation else None,
            spread=timedelta(seconds=asked.spread_seconds),
            key=request.headers.get("idempotency-key"),
        )
        shown, is_new = self._imports.create(order, request.caller())
        headers = {"Location": f"/v1/imports/{shown['id']}"}
        return told(
            CreatedImport,
            shown,
            status=201 if is_new else 200,
            headers=headers if is_new else {**headers, "Idempotent-Replayed": "true"},
        )

    def page(self, request: Request) -> Answer:
        """Newest first."""
        return told(FileImportPage, self._imports.page(request.query.cursor, request.query.limit))

    def show(self, request: Request) -> Answer:
        """How far it is."""
        return told(FileImport, self._imports.show(import_id(request)))

    def rejects(self, request: Request) -> Answer:
        """The rejected rows."""
        return told(
            RejectedRowPage,
            self._imports.rejects(import_id(request), request.query.cursor, request.query.limit),
        )

    def cancel(self, request: Request) -> Answer:
        """The import, cancelled."""
        return told(FileImport, self._imports.cancel(import_id(request), request.caller()))
