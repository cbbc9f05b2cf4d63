"""The JSON of responses: camelCase, times in UTC with Z."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, RootModel, WithJsonSchema

from flamebot.http.request_schemas import WorkflowStatus
from flamebot.http.wire import ResponseModel, RowOfImport, ScheduleInstant, WallInstant

WorkflowId = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]


class ValidationIssue(ResponseModel):
    """One error in the input: where (a JSON pointer) and what."""

    pointer: str
    detail: str


Warnings = Annotated[
    list[ValidationIssue],
    Field(
        description="They do not keep a definition from being published, such as a backoff that is"
        " too long for all attempts to fit into a step's timeout."
    ),
]


class Problem(ResponseModel):
    """An error (RFC 9457). Some members occur with some codes only."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[ValidationIssue]
    allowed: Annotated[
        list[str] | None,
        Field(description="`not_allowed`: the actions that the workflow allows now."),
    ] = None
    live_workflow_id: Annotated[
        WorkflowId | None, Field(description="`already_active`: the id of the live workflow.")
    ] = None


class GatewayMessage(ResponseModel):
    """An error of API Gateway itself, raised before any function is called."""

    message: str


class RowProblem(ResponseModel):
    """The errors of a rejected row."""

    code: str
    detail: str
    errors: list[ValidationIssue]


class RowWorkflow(ResponseModel):
    """The result of starting a row's workflow."""

    instance_id: WorkflowId | None
    status: Literal["started", "already_active", "not_requested", "rejected"]


class RowResult(RowOfImport):
    """The result of importing one row."""

    index: int
    status: Literal["created", "updated", "rejected"]
    workflow: RowWorkflow
    problem: Annotated[RowProblem | None, Field(exclude_if=lambda problem: problem is None)] = None


class ImportResult(ResponseModel):
    """The result of an import by request."""

    imported: int
    started: int
    rejected: int
    results: list[RowResult]


class Account(ResponseModel):
    """An account, without its credentials."""

    account_id: Annotated[str, Field(validation_alias="flamebot_id")]  # the column's name
    model_id: str | None
    channel_id: str | None
    config: dict[str, Any]
    status: Literal["active", "suspended"]
    has_credentials: bool
    credentials_version: int
    registered_version: int | None
    live_workflow_id: UUID | None
    live_workflow_status: WorkflowStatus | None
    created_at: WallInstant
    updated_at: WallInstant


class WorkflowTask(ResponseModel):
    """The workflow's latest task."""

    task_id: str
    step_id: str
    action: str
    phase: str
    status: str
    scheduled_for: ScheduleInstant
    attempts: int
    reclaims: int
    sends: int
    lease_expires_at: WallInstant | None
    error: Annotated[
        str | None, Field(description="Why it was last deferred or tried again: code: detail.")
    ]
    deferrals: Annotated[
        int, Field(description="How often its step was deferred, which counts as no attempt.")
    ]
    deferred_ms: Annotated[int, Field(description="For how long in all, in schedule time.")]
    deferred_at: Annotated[ScheduleInstant | None, Field(description="When it last was.")]
    held_back_by: Annotated[
        str | None, Field(description="The service whose breaker it waits for.")
    ]


class Workflow(ResponseModel):
    """A workflow: one execution of a definition version for an account."""

    id: WorkflowId
    account_id: str
    workflow_type: str
    workflow_version: int
    status: WorkflowStatus
    current_step: Annotated[int, Field(description="The index of the step; the first is 0.")]
    current_step_id: str | None
    total_steps: int
    next_action_at: ScheduleInstant | None
    last_error: str | None
    started_at: ScheduleInstant
    finished_at: ScheduleInstant | None
    paused_at: ScheduleInstant | None
    updated_at: ScheduleInstant
    revision: int
    execution_context: dict[str, Any]
    goto_iterations: dict[str, int]
    task: WorkflowTask | None
    effect_in_flight: bool
    allowed_actions: list[str]


class WorkflowPage(ResponseModel):
    """A page of workflows, newest first."""

    items: list[Workflow]
    next_cursor: str | None


class StepDeferrals(ResponseModel):
    """How often a step was deferred, for how long in schedule time, and why at last."""

    times: int
    ms: int
    code: str


class HistoryEntry(ResponseModel):
    """An attempt of a step, or a step that was skipped or cancelled.

    `reclaimed`: the invocation that ran the step was lost, and the step was run again.
    """

    sequence: int
    step_id: str
    action: str
    status: Literal["completed", "failed", "retried", "skipped", "cancelled", "reclaimed"]
    attempt: int
    started_at: ScheduleInstant
    finished_at: ScheduleInstant
    result: dict[str, Any] | None
    error: str | None
    deferrals: StepDeferrals | None


class HistoryPage(ResponseModel):
    """A page of a workflow's history, oldest first."""

    items: list[HistoryEntry]
    next_cursor: str | None


class Definition(ResponseModel):
    """One version of a definition, as it was published."""

    type: str
    version: int
    name: str
    description: str
    config: dict[str, Any]
    steps: list[dict[str, Any]]
    is_active: bool = True
    created_at: WallInstant | None = None


class PublishedDefinition(Definition):
    """The version that is current after publishing, and what is probably not meant in it."""

    warnings: Warnings


class DefinitionSummary(ResponseModel):
    """A definition's current version, and the number of its workflows by status."""

    type: str
    version: int
    name: str
    description: str
    total_steps: int
    created_at: WallInstant | None = None
    instances: dict[str, int]


class DefinitionList(ResponseModel):
    """The current version of every definition."""

    items: list[DefinitionSummary]


class Validation(ResponseModel):
    """Whether a definition is valid, and its errors, or the warnings of a valid one."""

    valid: bool
    errors: list[ValidationIssue]
    warnings: Warnings


class FailedTask(ResponseModel):
    """The last task of a failed workflow."""

    task_id: str
    instance_id: WorkflowId
    account_id: str
    workflow_type: str
    workflow_version: int
    step_id: str
    action: str
    phase: str
    status: str
    attempts: int
    reclaims: int
    outcome_unknown: bool
    error: str | None
    finished_at: ScheduleInstant | None


class FailedTaskPage(ResponseModel):
    """A page of failed tasks, newest workflow first."""

    items: list[FailedTask]
    next_cursor: str | None


class AnyDocument(RootModel[dict[str, Any]]):
    """A JSON document with a schema of its own."""
