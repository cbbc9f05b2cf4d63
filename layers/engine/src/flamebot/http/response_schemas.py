"""The JSON of responses: camelCase, times in UTC with Z."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, RootModel

from flamebot.http.request_schemas import WorkflowStatus
from flamebot.http.wire import Instant, ResponseModel


class ValidationIssue(ResponseModel):
    """One error in the input: where (a JSON pointer) and what."""

    pointer: str
    detail: str


class Problem(ResponseModel):
    """An error (RFC 9457). `allowed`: the actions that the workflow's status allows."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[ValidationIssue]
    allowed: list[str] | None = None


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

    instance_id: str | None
    status: Literal["started", "already_active", "not_requested", "rejected"]


class RowResult(ResponseModel):
    """The result of importing one row."""

    index: int
    flamebot_id: str | None
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

    flamebot_id: str
    model_id: str | None
    channel_id: str | None
    config: dict[str, Any]
    status: Literal["active", "suspended"]
    has_credentials: bool
    credentials_version: int
    registered_version: int | None
    live_workflow_id: UUID | None
    live_workflow_status: WorkflowStatus | None
    created_at: Instant
    updated_at: Instant


class WorkflowTask(ResponseModel):
    """The workflow's latest task."""

    task_id: str
    step_id: str
    action: str
    phase: str
    status: str
    scheduled_for: Instant
    attempts: int
    reclaims: int
    sends: int
    lease_expires_at: Instant | None


class Workflow(ResponseModel):
    """A workflow: one execution of a definition version for an account."""

    id: str
    account_id: str
    workflow_type: str
    workflow_version: int
    status: WorkflowStatus
    current_step: int
    current_step_id: str | None
    total_steps: int
    next_action_at: Instant | None
    last_error: str | None
    started_at: Instant
    finished_at: Instant | None
    paused_at: Instant | None
    updated_at: Instant
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


class HistoryEntry(ResponseModel):
    """An attempt of a step, or a step that was skipped or cancelled."""

    sequence: int
    step_id: str
    action: str
    status: Literal["completed", "failed", "retried", "skipped", "cancelled"]
    attempt: int
    started_at: Instant
    finished_at: Instant
    result: dict[str, Any] | None
    error: str | None


class HistoryPage(ResponseModel):
    """A page of a workflow's history, oldest first."""

    items: list[HistoryEntry]
    next_cursor: str | None


class Control(ResponseModel):
    """The state of the global pause."""

    paused: bool
    paused_at: Instant | None
    paused_ms: int


class Definition(ResponseModel):
    """One version of a definition, as it was published."""

    type: str
    version: int
    name: str
    description: str
    config: dict[str, Any]
    steps: list[dict[str, Any]]
    is_active: bool = True
    created_at: Instant | None = None


class DefinitionSummary(ResponseModel):
    """A definition's current version, and the number of its workflows by status."""

    type: str
    version: int
    name: str
    description: str
    total_steps: int
    created_at: Instant | None = None
    instances: dict[str, int]


class DefinitionList(ResponseModel):
    """The current version of every definition."""

    items: list[DefinitionSummary]


class Validation(ResponseModel):
    """Whether a definition is valid, and its errors."""

    valid: bool
    errors: list[ValidationIssue]


class StepStats(ResponseModel):
    """The steps of one action in the last 24 hours."""

    action: str
    completed: int
    failed: int
    retried: int
    skipped: int
    cancelled: int
    mean_seconds: float | None


class Lateness(ResponseModel):
    """How long after their due times tasks began, in seconds of schedule time."""

    tasks: int
    p50_seconds: float | None
    p95_seconds: float | None
    p99_seconds: float | None
    max_seconds: float | None


class Stats(ResponseModel):
    """Workflows, live tasks and accounts by status, step statistics of 24 hours, lateness."""

    workflows: dict[str, int]
    tasks: dict[str, int]
    accounts: dict[str, int]
    steps: list[StepStats]
    lateness: Lateness


class DueMinute(ResponseModel):
    """The number of tasks that fall due in one minute."""

    minute: Instant
    tasks: int


class DueHistogram(ResponseModel):
    """The due tasks by the minute; overdue tasks count in the first minute."""

    items: list[DueMinute]


class Check(ResponseModel):
    """One health check. `urgent`: if it fails, workflows stand still or run late."""

    name: str
    ok: bool
    detail: str
    urgent: bool


class Health(ResponseModel):
    """The health of the engine, check by check."""

    status: Literal["ok", "degraded"]
    checks: list[Check]


class OpenHealth(ResponseModel):
    """Whether every urgent check is ok. Shows no details, because it needs no token."""

    status: Literal["ok", "unavailable"]


class FailedTask(ResponseModel):
    """The last task of a failed workflow."""

    task_id: str
    instance_id: str
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
    finished_at: Instant | None


class FailedTaskPage(ResponseModel):
    """A page of failed tasks, newest workflow first."""

    items: list[FailedTask]
    next_cursor: str | None


class AnyDocument(RootModel[dict[str, Any]]):
    """A JSON document with a schema of its own."""
