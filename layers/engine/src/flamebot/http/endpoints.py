"""The table of the HTTP API, from which both the router and the OpenAPI document are made."""

from __future__ import annotations

from pydantic import BaseModel

from flamebot.domain import errors
from flamebot.http import problems
from flamebot.http import request_schemas as requests
from flamebot.http import response_schemas as responses
from flamebot.http import status_schemas as statuses
from flamebot.http.endpoint import Endpoint
from flamebot.http.import_endpoints import FILE_IMPORTS
from flamebot.http.service_endpoints import SERVICES


def _control(
    name: str,
    action: str,
    summary: str,
    *conflicts: type[errors.Conflict],
    body: type[BaseModel] = requests.ControlRequest,
) -> Endpoint:
    return Endpoint(
        name=name,
        method="POST",
        path=f"/v1/workflows/{{id}}/{action}",
        scope="workflows.write",
        summary=summary,
        body=body,
        body_optional=True,
        response=responses.Workflow,
        errors=(errors.NotFound, errors.NotAllowed, *conflicts),
    )


IMPORT: tuple[Endpoint, ...] = (
    Endpoint(
        name="import_accounts",
        method="POST",
        path="/v1/accounts/import",
        scope="accounts.write",
        summary="Import 1 to 1,000 accounts and, with startAutomation, start their workflows."
        " Invalid rows are rejected.",
        body=requests.ImportRequest,
        rows="accounts",
        response=responses.ImportResult,
        headers=("Idempotency-Key",),
        errors=(
            errors.IdempotencyInFlight,
            errors.IdempotencyKeyReused,
            errors.UnknownWorkflowType,
        ),
    ),
)

API: tuple[Endpoint, ...] = (
    Endpoint(
        name="show_account",
        method="GET",
        path="/v1/accounts/{id}",
        scope="read",
        summary="Show an account without its credentials.",
        response=responses.Account,
        errors=(errors.NotFound,),
    ),
    Endpoint(
        name="delete_account",
        method="DELETE",
        path="/v1/accounts/{id}",
        scope="admin",
        summary="Delete an account with its context and results.",
        response=None,
        status=204,
        errors=(errors.NotFound, errors.Busy),
    ),
    Endpoint(
        name="start_workflow",
        method="POST",
        path="/v1/accounts/{id}/workflows",
        scope="workflows.write",
        summary="Start a workflow for an account without a live one.",
        body=requests.StartRequest,
        body_optional=True,
        response=responses.Workflow,
        status=201,
        errors=(
            errors.NotFound,
            errors.AlreadyActive,
            errors.AccountIncomplete,
            errors.UnknownWorkflowType,
        ),
    ),
    Endpoint(
        name="list_workflows",
        method="GET",
        path="/v1/workflows",
        scope="read",
        summary="List workflows, newest first.",
        query=requests.WorkflowFilter,
        response=responses.WorkflowPage,
    ),
    Endpoint(
        name="show_workflow",
        method="GET",
        path="/v1/workflows/{id}",
        scope="read",
        summary="Show a workflow.",
        response=responses.Workflow,
        errors=(errors.NotFound,),
    ),
    Endpoint(
        name="show_history",
        method="GET",
        path="/v1/workflows/{id}/history",
        scope="read",
        summary="List a workflow's history, oldest first.",
        query=requests.Paged,
        response=responses.HistoryPage,
        errors=(errors.NotFound,),
    ),
    _control("pause_workflow", "pause", "Pause a workflow. A running step finishes first."),
    _control("resume_workflow", "resume", "Resume a paused workflow.", body=requests.ResumeRequest),
    _control("stop_workflow", "stop", "Stop a workflow for good. An open job is cancelled."),
    _control(
        "retry_workflow",
        "retry",
        "Continue a failed workflow at the step that failed.",
        errors.AlreadyActive,
        errors.RevisionConflict,
    ),
    _control(
        "run_workflow_now",
        "run-now",
        "Make a workflow's waiting task due now.",
        errors.Busy,
        errors.RevisionConflict,
    ),
    _control(
        "skip_step", "skip-step", "Skip the waiting step.", errors.Busy, errors.RevisionConflict
    ),
    Endpoint(
        name="show_control",
        method="GET",
        path="/v1/control",
        scope="admin",
        summary="Show whether everything is paused.",
        response=statuses.Control,
    ),
    Endpoint(
        name="pause_all",
        method="POST",
        path="/v1/control/pause-all",
        scope="admin",
        summary="Pause all workflows. After the response no task begins, except cancels.",
        body=requests.ControlRequest,
        body_optional=True,
        response=statuses.Control,
    ),
    Endpoint(
        name="resume_all",
        method="POST",
        path="/v1/control/resume-all",
        scope="admin",
        summary="End the global pause.",
        body=requests.ControlRequest,
        body_optional=True,
        response=statuses.Control,
    ),
    *SERVICES,
    Endpoint(
        name="list_definitions",
        method="GET",
        path="/v1/definitions",
        scope="read",
        summary="List the current version of every definition.",
        response=responses.DefinitionList,
        headers=("If-None-Match",),
    ),
    Endpoint(
        name="show_definition_schema",
        method="GET",
        path="/v1/definitions/schema",
        scope="read",
        summary="Show the JSON Schema of definitions.",
        response=responses.AnyDocument,
        headers=("If-None-Match",),
    ),
    Endpoint(
        name="validate_definition",
        method="POST",
        path="/v1/definitions/validate",
        scope="read",
        summary="Validate a definition: 200 with all of its errors and warnings.",
        body=requests.DefinitionDraft,
        response=responses.Validation,
    ),
    Endpoint(
        name="show_definition",
        method="GET",
        path="/v1/definitions/{type}",
        scope="read",
        summary="Show the current version of a definition.",
        response=responses.Definition,
        headers=("If-None-Match",),
        errors=(errors.NotFound,),
    ),
    Endpoint(
        name="publish_definition",
        method="PUT",
        path="/v1/definitions/{type}",
        scope="definitions.write",
        summary="Publish a new version; running workflows keep theirs. 201 for a type's first one.",
        body=requests.DefinitionDocument,
        response=responses.PublishedDefinition,
        also=(201,),
        headers=("If-Match", "If-None-Match"),
        errors=(errors.NotFound, errors.PreconditionFailed, problems.PreconditionRequired),
    ),
    Endpoint(
        name="show_definition_version",
        method="GET",
        path="/v1/definitions/{type}/versions/{version}",
        scope="read",
        summary="Show one version of a definition.",
        response=responses.Definition,
        headers=("If-None-Match",),
        errors=(errors.NotFound,),
    ),
    Endpoint(
        name="show_stats",
        method="GET",
        path="/v1/stats",
        scope="read",
        summary="Show counts by status, step statistics and lateness.",
        response=statuses.Stats,
    ),
    Endpoint(
        name="show_due",
        method="GET",
        path="/v1/stats/due",
        scope="read",
        summary="Count the tasks that fall due, by the minute.",
        query=requests.DueFilter,
        response=statuses.DueHistogram,
    ),
    Endpoint(
        name="list_failed_tasks",
        method="GET",
        path="/v1/tasks/failed",
        scope="read",
        summary="List the last tasks of failed workflows.",
        query=requests.Paged,
        response=responses.FailedTaskPage,
    ),
    Endpoint(
        name="show_health",
        method="GET",
        path="/v1/health",
        scope="read",
        summary="Show every health check with its detail.",
        response=statuses.Health,
    ),
    Endpoint(
        name="show_open_health",
        method="GET",
        path="/health",
        scope=None,
        summary="Show whether every urgent health check is ok.",
        response=statuses.OpenHealth,
        also=(503,),
    ),
    Endpoint(
        name="show_me",
        method="GET",
        path="/v1/me",
        scope="read",
        summary="Show the caller's subject and scopes, and the engine's version and clock rate.",
        response=statuses.Me,
    ),
    Endpoint(
        name="show_openapi",
        method="GET",
        path="/openapi.json",
        scope=None,
        summary="Show this OpenAPI document.",
        response=responses.AnyDocument,
    ),
    *FILE_IMPORTS,
)

TABLE: tuple[Endpoint, ...] = IMPORT + API
