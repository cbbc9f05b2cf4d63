"""Bodies and queries as they stand on the wire: camelCase, nothing unknown accepted, nothing unasked answered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, RootModel, WithJsonSchema
from pydantic.alias_generators import to_camel

from flamebot.services.import_rows import MOST_ACCOUNTS, AccountInput

WorkflowStatus = Literal["active", "paused", "stopping", "completed", "failed", "stopped"]
Type = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]
Reason = Annotated[str | None, Field(max_length=500)]


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


Instant = Annotated[AwareDatetime, PlainSerializer(_rfc3339, return_type=str, when_used="json")]


class Asked(BaseModel):
    """A request's body. Strict: no number is taken for a string, and no field is ignored."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True, frozen=True)


class Filter(BaseModel):
    """Query parameters: text that is read as what it should be."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class Told(BaseModel):
    """An answer, made from a row in snake_case; columns that it does not name stay inside."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


class NoQuery(Filter):
    """No query parameters at all."""


class Paged(Filter):
    """A page of a list."""

    cursor: Annotated[str | None, Field(max_length=500)] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class WorkflowFilter(Paged):
    """Which workflows to list. `error` is found anywhere in `lastError`."""

    status: WorkflowStatus | None = None
    type: Type | None = None
    account_id: Annotated[str | None, Field(max_length=128)] = None
    step_id: Annotated[str | None, Field(max_length=200)] = None
    error: Annotated[str | None, Field(max_length=200)] = None
    due_before: AwareDatetime | None = None


class DueFilter(Filter):
    """How far to look ahead."""

    minutes: Annotated[int, Field(ge=1, le=1440)] = 60


class ImportRequest(Asked):
    """Accounts to store, and whether to start a workflow for each. The rows are judged one by one."""

    accounts: Annotated[
        list[Any],
        Field(min_length=1, max_length=MOST_ACCOUNTS),
        WithJsonSchema({"type": "array", "minItems": 1, "maxItems": MOST_ACCOUNTS, "items": {"$ref": "#/components/schemas/AccountInput"}}),
    ]
    start_automation: bool = False
    workflow_type: Type = "default"
    spread_seconds: Annotated[int, Field(ge=0, le=30 * 86400, description="Engine seconds over which the starts are spread evenly.")] = 0


class StartRequest(Asked):
    """Which definition to start."""

    workflow_type: Type = "default"
    reason: Reason = None


class ControlRequest(Asked):
    """Why; kept in the audit log."""

    reason: Reason = None


class ResumeRequest(ControlRequest):
    """How the clock goes on: with the wait that was left, or with the old due time."""

    clock: Literal["freeze", "run_on"] = "freeze"


class DefinitionDocument(RootModel[Any]):
    """A workflow definition. Its JSON Schema is at /v1/definitions/schema."""

    model_config = ConfigDict(json_schema_extra={"type": "object", "externalDocs": {"url": "/v1/definitions/schema"}})


class FlawTold(Told):
    """Where and what."""

    pointer: str
    detail: str


class Problem(Told):
    """An error, RFC 9457. `allowed`: the actions that the workflow's status allows."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[FlawTold]
    allowed: list[str] | None = None


class RowProblem(Told):
    """What is wrong with a row."""

    code: str
    detail: str
    errors: list[FlawTold]


class RowWorkflow(Told):
    """What became of the start."""

    instance_id: str | None
    status: Literal["started", "already_active", "not_requested", "rejected"]


class RowResult(Told):
    """What became of one row."""

    index: int
    flamebot_id: str | None
    status: Literal["created", "updated", "rejected"]
    workflow: RowWorkflow
    problem: Annotated[RowProblem | None, Field(exclude_if=lambda problem: problem is None)] = None


class ImportResult(Told):
    """What became of an import."""

    imported: int
    started: int
    rejected: int
    results: list[RowResult]


class Account(Told):
    """An account, without its credentials."""

    flamebot_id: str
    model_id: str | None
    channel_id: str | None
    config: dict[str, Any]
    status: Literal["active", "suspended"]
    has_credentials: bool = False
    credentials_version: int
    registered_version: int | None
    created_at: Instant
    updated_at: Instant


class WorkflowTask(Told):
    """The workflow's latest task."""

    task_id: str
    step_id: str
    action: str
    phase: str
    status: str
    scheduled_for: Instant
    attempts: int
    reaps: int
    sends: int
    lease_expires_at: Instant | None


class Workflow(Told):
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


class WorkflowPage(Told):
    """Some workflows, newest first."""

    items: list[Workflow]
    next_cursor: str | None


class HistoryEntry(Told):
    """A step that was finished, tried, skipped or cancelled."""

    sequence: int
    step_id: str
    action: str
    status: Literal["completed", "failed", "retried", "skipped", "cancelled"]
    attempt: int
    started_at: Instant
    finished_at: Instant
    result: dict[str, Any] | None
    error: str | None


class HistoryPage(Told):
    """Some of a workflow's history, oldest first."""

    items: list[HistoryEntry]
    next_cursor: str | None


class Control(Told):
    """The global pause."""

    paused: bool
    paused_at: Instant | None
    paused_ms: int


class Definition(Told):
    """One version of a definition, as it was published."""

    type: str
    version: int
    name: str
    description: str
    config: dict[str, Any]
    steps: list[dict[str, Any]]
    is_active: bool = True
    created_at: Instant | None = None


class DefinitionSummary(Told):
    """A definition's current version, and how many of its workflows stand where."""

    type: str
    version: int
    name: str
    description: str
    total_steps: int
    created_at: Instant | None = None
    instances: dict[str, int]


class DefinitionList(Told):
    """Every definition."""

    items: list[DefinitionSummary]


class Validation(Told):
    """Whether a definition could be published."""

    valid: bool
    errors: list[FlawTold]


class StepStats(Told):
    """What became of an action's steps in the last 24 hours."""

    action: str
    completed: int
    failed: int
    retried: int
    skipped: int
    cancelled: int
    mean_seconds: float | None


class Lateness(Told):
    """How long after its due time a task began, in engine seconds."""

    tasks: int
    p50_seconds: float | None
    p95_seconds: float | None
    p99_seconds: float | None
    max_seconds: float | None


class Stats(Told):
    """Workflows, live tasks and accounts by status, execution statistics of the last 24 hours, lateness."""

    workflows: dict[str, int]
    tasks: dict[str, int]
    accounts: dict[str, int]
    steps: list[StepStats]
    lateness: Lateness


class DueMinute(Told):
    """How many tasks fall due in a minute."""

    minute: Instant
    tasks: int


class DueHistogram(Told):
    """What falls due, minute by minute; what is overdue counts in the first."""

    items: list[DueMinute]


class Check(Told):
    """One thing that should be so."""

    name: str
    ok: bool
    detail: str


class Health(Told):
    """How the engine does."""

    status: Literal["ok", "degraded"]
    checks: list[Check]


class OpenHealth(Told):
    """Up or not; nothing else, for anybody may ask."""

    status: Literal["ok", "unavailable"]


class FailedTask(Told):
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
    reaps: int
    outcome_unknown: bool
    error: str | None
    finished_at: Instant | None


class FailedTaskPage(Told):
    """Some failed tasks, latest first."""

    items: list[FailedTask]
    next_cursor: str | None


class AnyDocument(RootModel[dict[str, Any]]):
    """A JSON document that describes itself."""


__all__ = ["AccountInput"]
