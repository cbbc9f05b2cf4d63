"""Imports by file on the wire: what is asked and what is told."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from flamebot.http.request_schemas import Reason, Type
from flamebot.http.response_schemas import ValidationIssueResponse
from flamebot.http.wire import Instant, RequestModel, ResponseModel
from flamebot.services.imports.admin import LARGEST_FILE

ImportStatus = Literal["waiting", "running", "completed", "failed", "cancelled"]


class FileImportRequest(RequestModel):
    """A file that will be sent, and whether to start a workflow for each of its accounts."""

    bytes: Annotated[
        int, Field(ge=1, le=LARGEST_FILE, description="Exactly as many as will be sent.")
    ]
    format: Annotated[
        Literal["csv", "jsonl"],
        Field(
            description="csv: its header names flamebotId, modelId, channelId, credentials.NAME, config.NAME. jsonl: an account a line."
        ),
    ] = "csv"
    file_name: Annotated[
        str | None,
        Field(
            min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", description="For people."
        ),
    ] = None
    start_automation: bool = False
    workflow_type: Type = "default"
    spread_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=30 * 86400,
            description="Engine seconds over which the starts are spread evenly.",
        ),
    ] = 0
    reason: Reason = None


class FileImport(ResponseModel):
    """An import by file, and how far it is. `percent` is of its bytes; `row` numbers are lines of the file."""

    import_id: Annotated[UUID, Field(validation_alias="id")]
    status: ImportStatus
    file_name: str | None
    format: Literal["csv", "jsonl"]
    start_automation: bool
    workflow_type: str | None
    workflow_version: int | None
    spread_seconds: int
    bytes: int
    bytes_read: int
    percent: float
    rows_read: int
    imported: int
    created: int
    updated: int
    started: int
    already_active: int
    not_started: Annotated[
        int, Field(description="Stored without a workflow: modelId or channelId is missing.")
    ]
    rejected: int
    error: str | None
    created_by: str
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    updated_at: Instant


class UploadResponse(ResponseModel):
    """Where and how to send the file: these headers, this many bytes, no token. 412: it is there already."""

    url: str
    method: Literal["PUT"]
    headers: dict[str, str]
    expires_at: Instant


class CreatedImport(FileImport):
    """An import that was announced. `upload` is null once its file is there."""

    upload: UploadResponse | None


class FileImportPage(ResponseModel):
    """Some imports, newest first."""

    items: list[FileImport]
    next_cursor: str | None


class RejectedRow(ResponseModel):
    """A row that was rejected, or stored without its workflow (`account_incomplete`); never what stood there."""

    row: Annotated[
        int, Field(description="The line of the file on which the row begins; a header is line 1.")
    ]
    flamebot_id: str | None
    code: Literal["invalid", "duplicate", "account_incomplete"]
    errors: list[ValidationIssueResponse]


class RejectedRowPage(ResponseModel):
    """Some rejected rows, in the order of the file. The first 10,000 of an import are kept."""

    items: list[RejectedRow]
    next_cursor: str | None
