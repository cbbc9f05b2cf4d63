"""The endpoints of imports by file."""

from __future__ import annotations

from flamebot.domain import errors
from flamebot.http import import_schemas as wire
from flamebot.http.endpoint import Endpoint
from flamebot.http.request_schemas import ControlRequest, Paged

FILE_IMPORTS: tuple[Endpoint, ...] = (
    Endpoint(
        name="create_import",
        method="POST",
        path="/v1/imports",
        scope="accounts.write",
        summary="Create an import and return an upload address for its file."
        " The import begins when the file is uploaded."
        " 200: the import that an earlier request with the same key created.",
        body=wire.FileImportRequest,
        response=wire.CreatedImport,
        status=201,
        also=(200,),
        headers=("Idempotency-Key",),
        errors=(
            errors.IdempotencyKeyReused,
            errors.UnknownWorkflowType,
            errors.FilesUnavailable,
        ),
    ),
    Endpoint(
        name="list_imports",
        method="GET",
        path="/v1/imports",
        scope="read",
        summary="List imports by file, newest first.",
        query=Paged,
        response=wire.FileImportPage,
    ),
    Endpoint(
        name="show_import",
        method="GET",
        path="/v1/imports/{id}",
        scope="read",
        summary="Show an import by file and its progress.",
        response=wire.FileImport,
        errors=(errors.NotFound,),
    ),
    Endpoint(
        name="list_rejected_rows",
        method="GET",
        path="/v1/imports/{id}/rejects",
        scope="read",
        summary="List the rejected rows of an import with their lines and reasons.",
        query=Paged,
        response=wire.RejectedRowPage,
        errors=(errors.NotFound,),
    ),
    Endpoint(
        name="cancel_import",
        method="POST",
        path="/v1/imports/{id}/cancel",
        scope="accounts.write",
        summary="Cancel an import: no row is stored after the response."
        " Stored accounts and started workflows stay.",
        body=ControlRequest,
        body_optional=True,
        response=wire.FileImport,
        errors=(errors.NotFound, errors.NotAllowed),
    ),
)
