"""The requests and responses of imports by file."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from flamebot.http.request_schemas import Reason, Type
from flamebot.http.response_schemas import ValidationIssue
from flamebot.http.wire import RequestModel, ResponseModel, RowOfImport, WallInstant
from flamebot.services.imports.admin import LARGEST_FILE

ImportStatus = Literal["waiting", "running", "completed", "failed", "cancelled"]


class FileImportRequest(RequestModel):
    """A file of accounts to upload, and whether to start a workflow for each account."""

    bytes: Annotated[int, Field(ge=1, le=LARGEST_FILE, description="The exact size of the file.")]
    format: Annotated[
        Literal["csv", "jsonl"],
        Field(
            description="csv: the header names accountId (or flamebotId), modelId, channelId,"
            " credentials.NAME and config.NAME, separated by comma, semicolon, tab or |."
            " jsonl: one account per line."
        ),
    ] = "csv"
    file_name: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=200,
            pattern=r"^[^\x00-\x1f\x7f]+$",
            description="Shown in lists.",
        ),
    ] = None
    start_automation: Annotated[
        bool, Field(description="Whether to start a workflow for each account.")
    ] = False
    workflow_type: Type = "default"
    spread_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=30 * 86400,
            description="The starts are spread evenly over this time (schedule time).",
        ),
    ] = 0
    reason: Reason = None


class SuspectValue(ResponseModel):
    """Values that a spreadsheet has probably changed, such as a rounded id."""

    code: Literal[
        "exponent", "zeros", "decimal", "lost_zeros", "date", "null", "error", "invisible"
    ]
    field: Literal["accountId", "modelId", "channelId", "credentials"]
    count: Annotated[int, Field(description="How many rows have such a value.")]
    row: Annotated[int, Field(description="The line on which the first of them begins.")]
    detail: str


class FileImport(ResponseModel):
    """An import by file and its progress. `percent` is the share of its bytes that was read."""

    import_id: Annotated[UUID, Field(validation_alias="id")]
    status: ImportStatus
    file_name: str | None
    format: Literal["csv", "jsonl"]
    start_automation: bool
    workflow_type: str | None
    workflow_version: int | None
    spread_seconds: Annotated[int, Field(description="In schedule time.")]
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
        int,
        Field(description="Stored without a workflow, because modelId or channelId is missing."),
    ]
    rejected: int
    warnings: Annotated[
        list[SuspectValue],
        Field(description="Rows that were imported with a value that looks wrong."),
    ]
    error: str | None
    created_by: str
    created_at: WallInstant
    started_at: WallInstant | None
    finished_at: WallInstant | None
    updated_at: WallInstant


class UploadResponse(ResponseModel):
    """How to upload the file: with these headers, exactly this many bytes, and without a token.

    The response 412 means that the file was uploaded before.
    """

    url: str
    method: Literal["PUT"]
    headers: dict[str, str]
    expires_at: WallInstant


class CreatedImport(FileImport):
    """A created import. `upload` is null once the file was uploaded."""

    upload: UploadResponse | None


class FileImportPage(ResponseModel):
    """A page of imports, newest first."""

    items: list[FileImport]
    next_cursor: str | None


class RejectedRow(RowOfImport):
    """A row that was rejected, or stored without its workflow (`account_incomplete`).

    It shows no value of the row but the account's id.
    """

    row: Annotated[
        int, Field(description="The line on which the row begins. The header is line 1.")
    ]
    code: Literal["invalid", "duplicate", "account_incomplete"]
    errors: list[ValidationIssue]


class RejectedRowPage(ResponseModel):
    """A page of rejected rows, in the order of the file; an import keeps its first 10,000."""

    items: list[RejectedRow]
    next_cursor: str | None
