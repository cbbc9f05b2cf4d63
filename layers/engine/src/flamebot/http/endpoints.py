"""The one table of the HTTP API: what may be called, by whom, with what. Router and OpenAPI are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from flamebot.http import answer_schemas as told
from flamebot.http import request_schemas as asked

Scope = Literal["read", "accounts.write", "workflows.write", "definitions.write", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "accounts.write", "workflows.write", "definitions.write", "admin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One call. `name` finds its handler and is its operationId; `scope` None: open to all."""

    name: str
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    scope: Scope | None
    summary: str
    answer: type[BaseModel] | None
    status: int = 200
    query: type[BaseModel] = asked.NoQuery
    body: type[BaseModel] | None = None
    body_optional: bool = False
    rows: str | None = None  # the body's list whose members are judged one by one
    headers: tuple[str, ...] = ()  # request headers that it honours
    also: tuple[int, ...] = ()  # further statuses with the same answer
    problems: tuple[int, ...] = ()  # beside those that any call of its kind may answer

    def match(self, segments: tuple[str, ...]) -> dict[str, str] | None:
        """The path's parameters, or None if this is another path."""
        parts = self.path.split("/")[1:]
        if len(parts) != len(segments):
            return None
        values: dict[str, str] = {}
        for part, segment in zip(parts, segments, strict=True):
            if part.startswith("{") and segment:
                values[part[1:-1]] = segment
            elif part != segment:
                return None
        return values

    @property
    def parameters(self) -> list[str]:
        """The names in the path."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]


def _control(name: str, action: str, summary: str, body: type[BaseModel] = asked.ControlRequest) -> Endpoint:
    return Endpoint(
        name=name,
        method="POST",
        path=f"/v1/workflows/{{id}}/{action}",
        scope="workflows.write",
        summary=summary,
        body=body,
        body_optional=True,
        answer=told.Workflow,
        problems=(404, 409),
    )


IMPORT: tuple[Endpoint, ...] = (
    Endpoint(
        name="import_accounts",
        method="POST",
        path="/v1/accounts/import",
        scope="accounts.write",
        summary="Store 1 to 1,000 accounts and start their workflows. One bad row never spoils the others.",
        body=asked.ImportRequest,
        rows="accounts",
        answer=told.ImportResult,
        headers=("Idempotency-Key",),
        problems=(409,),
    ),
)

API: tuple[Endpoint, ...] = (
    Endpoint(
        name="show_account",
        method="GET",
        path="/v1/accounts/{id}",
        scope="read",
        summary="An account, never its credentials.",
        answer=told.Account,
        problems=(404,),
    ),
    Endpoint(
        name="delete_account",
        method="DELETE",
        path="/v1/accounts/{id}",
        scope="admin",
        summary="Erase an account, its context and results.",
        answer=None,
        status=204,
        problems=(404, 409),
    ),
    Endpoint(
        name="start_workflow",
        method="POST",
        path="/v1/accounts/{id}/workflows",
        scope="workflows.write",
        summary="Start a workflow for an account that has no live one.",
        body=asked.StartRequest,
        body_optional=True,
        answer=told.Workflow,
        status=201,
        problems=(404, 409),
    ),
    Endpoint(
        name="list_workflows",
        method="GET",
        path="/v1/workflows",
        scope="read",
        summary="Workflows, newest first.",
        query=asked.WorkflowFilter,
        answer=told.WorkflowPage,
    ),
    Endpoint(
        name="show_workflow",
        method="GET",
        path="/v1/workflows/{id}",
        scope="read",
        summary="A workflow.",
        answer=told.Workflow,
        problems=(404,),
    ),
    Endpoint(
        name="show_history",
        method="GET",
        path="/v1/workflows/{id}/history",
        scope="read",
        summary="What a workflow has done, oldest first.",
        query=asked.Paged,
        answer=told.HistoryPage,
        problems=(404,),
    ),
    _control("pause_workflow", "pause", "Hold the waiting task; a step at work finishes."),
    _control("resume_workflow", "resume", "Go on.", asked.ResumeRequest),
    _control("stop_workflow", "stop", "Stop for good; a running job is cancelled."),
    _control("retry_workflow", "retry", "Take a failed workflow up where it failed."),
    _control("run_workflow_now", "run-now", "Make the waiting task due now."),
    _control("skip_step", "skip-step", "Go on with the step after this one."),
    Endpoint(
        name="show_control", method="GET", path="/v1/control", scope="admin", summary="Whether everything is paused.", answer=told.Control
    ),
    Endpoint(
        name="pause_all",
        method="POST",
        path="/v1/control/pause-all",
        scope="admin",
        summary="Nothing begins after the answer; cancels go on.",
        body=asked.ControlRequest,
        body_optional=True,
        answer=told.Control,
    ),
    Endpoint(
        name="resume_all",
        method="POST",
        path="/v1/control/resume-all",
        scope="admin",
        summary="End the global pause.",
        body=asked.ControlRequest,
        body_optional=True,
        answer=told.Control,
    ),
    Endpoint(
        name="list_definitions",
        method="GET",
        path="/v1/definitions",
        scope="read",
        summary="Every definition's current version.",
        answer=told.DefinitionList,
        headers=("If-None-Match",),
    ),
    Endpoint(
        name="show_definition_schema",
        method="GET",
        path="/v1/definitions/schema",
        scope="read",
        summary="The JSON Schema of definitions.",
        answer=told.AnyDocument,
        headers=("If-None-Match",),
    ),
    Endpoint(
        name="validate_definition",
        method="POST",
        path="/v1/definitions/validate",
        scope="read",
        summary="Every error of a definition at once; 200 even if there are some.",
        body=asked.DefinitionDraft,
        answer=told.Validation,
    ),
    Endpoint(
        name="show_definition",
        method="GET",
        path="/v1/definitions/{type}",
        scope="read",
        summary="A definition's current version.",
        answer=told.Definition,
        headers=("If-None-Match",),
        problems=(404,),
    ),
    Endpoint(
        name="publish_definition",
        method="PUT",
        path="/v1/definitions/{type}",
        scope="definitions.write",
        summary="A new version; running workflows stay on theirs. 201 for a type's first one.",
        body=asked.DefinitionDocument,
        answer=told.Definition,
        also=(201,),
        headers=("If-Match", "If-None-Match"),
        problems=(412, 428),
    ),
    Endpoint(
        name="show_definition_version",
        method="GET",
        path="/v1/definitions/{type}/versions/{n}",
        scope="read",
        summary="One version of a definition.",
        answer=told.Definition,
        headers=("If-None-Match",),
        problems=(404,),
    ),
    Endpoint(
        name="show_stats",
        method="GET",
        path="/v1/stats",
        scope="read",
        summary="Counts, execution statistics and lateness.",
        answer=told.Stats,
    ),
    Endpoint(
        name="show_due",
        method="GET",
        path="/v1/stats/due",
        scope="read",
        summary="What falls due, minute by minute.",
        query=asked.DueFilter,
        answer=told.DueHistogram,
    ),
    Endpoint(
        name="list_failed_tasks",
        method="GET",
        path="/v1/tasks/failed",
        scope="read",
        summary="The last tasks of failed workflows.",
        query=asked.Paged,
        answer=told.FailedTaskPage,
    ),
    Endpoint(name="show_health", method="GET", path="/v1/health", scope="read", summary="Every check with its reason.", answer=told.Health),
    Endpoint(
        name="show_open_health",
        method="GET",
        path="/health",
        scope=None,
        summary="Up or not.",
        answer=told.OpenHealth,
        also=(503,),
    ),
    Endpoint(name="show_openapi", method="GET", path="/openapi.json", scope=None, summary="This description.", answer=told.AnyDocument),
)

TABLE: tuple[Endpoint, ...] = IMPORT + API
