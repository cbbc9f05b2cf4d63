"""The route `POST /v1/accounts/import`, which has a function of its own."""

from __future__ import annotations

from datetime import timedelta

from flamebot.domain.errors import AccountIncomplete
from flamebot.http import response_schemas as wire
from flamebot.http.endpoints import IMPORT
from flamebot.http.request import Request
from flamebot.http.request_schemas import ImportRequest
from flamebot.http.response import Response, respond
from flamebot.http.router import Router
from flamebot.ports.telemetry import Telemetry
from flamebot.services.imports.from_request import (
    ImportAccounts,
    ImportCommand,
    ImportReport,
    RowResult,
)


def router(importer: ImportAccounts, *, scope_prefix: str, telemetry: Telemetry) -> Router:
    """Return a router that knows this route only."""

    def import_accounts(request: Request) -> Response:
        body: ImportRequest = request.body
        command = ImportCommand(
            rows=body.accounts,
            start=body.start_automation,
            workflow_type=body.workflow_type,
            spread=timedelta(seconds=body.spread_seconds),
            key=request.headers.get("idempotency-key"),
            document=request.document,
        )
        report = importer.run(command, request.caller())
        return respond(
            wire.ImportResult,
            rendered(report),
            headers={"Idempotent-Replayed": "true"} if report.replayed else {},
        )

    return Router(
        IMPORT, {"import_accounts": import_accounts}, scope_prefix=scope_prefix, telemetry=telemetry
    )


def rendered(report: ImportReport) -> wire.ImportResult:
    """Return the response's content: the rows and their counts."""
    results = report.results
    return wire.ImportResult(
        imported=sum(row.status != "rejected" for row in results),
        started=sum(row.workflow == "started" for row in results),
        rejected=sum(row.status == "rejected" for row in results),
        results=[_row(index, row) for index, row in enumerate(results)],
    )


def _row(index: int, row: RowResult) -> wire.RowResult:
    return wire.RowResult(
        index=index,
        account_id=row.account_id,
        id_field=row.id_field,
        status=row.status,
        workflow=wire.RowWorkflow(instance_id=row.instance_id, status=row.workflow),
        problem=_problem(index, row),
    )


def _problem(index: int, row: RowResult) -> wire.RowProblem | None:
    if row.status == "rejected":
        errors = [
            wire.ValidationIssue(pointer=issue.pointer, detail=issue.detail) for issue in row.issues
        ]
        return wire.RowProblem(code="invalid", detail="The row is not valid.", errors=errors)
    if row.workflow == "rejected":
        detail = AccountIncomplete.__doc__ or ""
        errors = [
            wire.ValidationIssue(
                pointer=f"/accounts/{index}/{name}",
                detail="Missing. The account is stored; a workflow needs this field.",
            )
            for name in row.missing
        ] or [wire.ValidationIssue(pointer=f"/accounts/{index}", detail=detail)]
        return wire.RowProblem(code=AccountIncomplete.code, detail=detail, errors=errors)
    return None
