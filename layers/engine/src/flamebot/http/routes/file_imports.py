"""The routes of imports by file: create, show, list and cancel them."""

from __future__ import annotations

from datetime import timedelta

from flamebot.http.import_schemas import (
    CreatedImport,
    FileImport,
    FileImportPage,
    FileImportRequest,
    RejectedRowPage,
)
from flamebot.http.parameters import import_id
from flamebot.http.request import Request
from flamebot.http.response import Response, respond
from flamebot.http.router import Handler
from flamebot.services.imports.admin import FileImportCommand, FileImports


class ImportsByFile:
    """The handlers of `/v1/imports`."""

    def __init__(self, imports: FileImports) -> None:
        self._imports = imports

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their endpoints."""
        return {
            "create_import": self.create,
            "list_imports": self.page,
            "show_import": self.show,
            "list_rejected_rows": self.rejects,
            "cancel_import": self.cancel,
        }

    def create(self, request: Request) -> Response:
        """Return 201 with an upload address; 200 for the earlier import of the same key."""
        body: FileImportRequest = request.body
        command = FileImportCommand(
            file_name=body.file_name,
            format=body.format,
            size=body.bytes,
            workflow_type=body.workflow_type if body.start_automation else None,
            spread=timedelta(seconds=body.spread_seconds),
            key=request.headers.get("idempotency-key"),
        )
        created, is_new = self._imports.create(command, request.caller())
        headers = {"Location": f"/v1/imports/{created['id']}"}
        return respond(
            CreatedImport,
            created,
            status=201 if is_new else 200,
            headers=headers if is_new else {**headers, "Idempotent-Replayed": "true"},
        )

    def page(self, request: Request) -> Response:
        """Return a page of imports, newest first."""
        return respond(
            FileImportPage, self._imports.page(request.query.cursor, request.query.limit)
        )

    def show(self, request: Request) -> Response:
        """Return an import with its counts."""
        return respond(FileImport, self._imports.show(import_id(request)))

    def rejects(self, request: Request) -> Response:
        """Return a page of rejected rows, in the order of the file."""
        return respond(
            RejectedRowPage,
            self._imports.rejects(import_id(request), request.query.cursor, request.query.limit),
        )

    def cancel(self, request: Request) -> Response:
        """End an import and return it."""
        return respond(FileImport, self._imports.cancel(import_id(request), request.caller()))
