"""The part of the table that is about imports by file."""

from __future__ import annotations

from flamebot.http import import_schemas as wire
from flamebot.http.endpoint import Endpoint
from flamebot.http.request_schemas import ControlRequest, Paged

FILE_IMPORTS: tuple[Endpoint, ...] = (
    Endpoint(
        name="create_import",
        method="POST",
        path="/v1/imports",
        scope="accounts.write",
        summary="Announce a file of accounts and get an address to send it to; once there, it is imported. 200: the key's import.",
        body=wire.FileImportRequest,
        answer=wire.CreatedImport,
        status=201,
        also=(200,),
        headers=("Idempotency-Key",),
    ),
    Endpoint(
        name="list_imports",
        method="GET",
        path="/v1/imports",
        scope="read",
        summary="Imports by file, newest first.",
        query=Paged,
        answer=wire.FileImportPage,
    ),
    Endpoint(
        name="show_import",
        method="GET",
        path="/v1/imports/{id}",
        scope="read",
        summary="An import by file, and how far it is.",
        answer=wire.FileImport,
        problems=(404,),
    ),
    Endpoint(
        name="list_rejected_rows",
        method="GET",
        path="/v1/imports/{id}/rejects",
        scope="read",
        summary="Which rows were rejected, and why.",
        query=Paged,
        answer=wire.RejectedRowPage,
        problems=(404,),
    ),
    Endpoint(
        name="cancel_import",
        method="POST",
        path="/v1/imports/{id}/cancel",
        scope="accounts.write",
        summary="End an import: no further row is stored after the answer. What was stored stays, workflows go on.",
        body=ControlRequest,
        body_optional=True,
        answer=wire.FileImport,
        problems=(404, 409),
    ),
)
