"""The JSON of requests: camelCase, and unknown fields are errors."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, RootModel, WithJsonSchema

from flamebot.http.wire import Filter, GivenInstant, RequestModel
from flamebot.services.imports.validate import MOST_ACCOUNTS

WorkflowStatus = Literal["active", "paused", "stopping", "completed", "failed", "stopped"]
Type = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$", examples=["default"])]
Reason = Annotated[str | None, Field(max_length=500)]


_WHEN = "Schedule time, in RFC 3339 with any offset. In a query, + is %2B."


class NoQuery(Filter):
    """A query without parameters."""


class Paged(Filter):
    """The query of one page of a list."""

    cursor: Annotated[str | None, Field(max_length=500)] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class WorkflowFilter(Paged):
    """The query that filters workflows. `error` is matched anywhere in `lastError`."""

    status: WorkflowStatus | None = None
    type: Type | None = None
    account_id: Annotated[str | None, Field(max_length=128)] = None
    step_id: Annotated[str | None, Field(max_length=200)] = None
    error: Annotated[str | None, Field(max_length=200)] = None
    error_code: Annotated[
        str | None,
        Field(
            max_length=64,
            description="The code of lastError, or of the reason why the live task waits.",
        ),
    ] = None
    due_before: Annotated[GivenInstant | None, Field(description=_WHEN)] = None
    updated_after: Annotated[GivenInstant | None, Field(description=_WHEN)] = None
    updated_before: Annotated[GivenInstant | None, Field(description=_WHEN)] = None


class DueFilter(Filter):
    """The query of the histogram: how many minutes it covers."""

    minutes: Annotated[int, Field(ge=1, le=1440, description="Minutes of schedule time.")] = 60


class ImportRequest(RequestModel):
    """Accounts to import, and whether to start their workflows. Rows are validated one by one."""

    accounts: Annotated[
        list[Any],
        Field(min_length=1, max_length=MOST_ACCOUNTS),
        WithJsonSchema(
            {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_ACCOUNTS,
                "items": {"$ref": "#/components/schemas/AccountInput"},
            }
        ),
    ]
    start_automation: Annotated[
        bool, Field(description="Whether to start a workflow for each account.")
    ] = False
    workflow_type: Type = "default"
    spread_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=30 * 86400,
            description="Seconds of schedule time over which the starts are spread evenly.",
        ),
    ] = 0


class StartRequest(RequestModel):
    """The type of the workflow to start, and a reason for the audit log."""

    workflow_type: Type = "default"
    reason: Reason = None


class ControlRequest(RequestModel):
    """The reason of a control call, for the audit log."""

    reason: Reason = None


class ResumeRequest(ControlRequest):
    """How to resume: with the remaining wait (`freeze`) or at the old due time (`run_on`)."""

    clock: Literal["freeze", "run_on"] = "freeze"


class DefinitionDocument(RootModel[Any]):
    """A workflow definition. Its JSON Schema is at /v1/definitions/schema."""

    model_config = ConfigDict(
        json_schema_extra={"type": "object", "externalDocs": {"url": "/v1/definitions/schema"}}
    )


class DefinitionDraft(RootModel[Any]):
    """A definition to validate: any JSON, because the response lists its errors."""

    model_config = ConfigDict(json_schema_extra={"externalDocs": {"url": "/v1/definitions/schema"}})
