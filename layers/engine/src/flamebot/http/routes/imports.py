"""`POST /v1/accounts/import`, a function of its own."""

from __future__ import annotations

from datetime import timedelta

from flamebot.http.answer import Answer, told
from flamebot.http.endpoints import IMPORT
from flamebot.http.request import Request
from flamebot.http.request_schemas import ImportRequest
from flamebot.http.response_schemas import ImportResult
from flamebot.http.router import Router
from flamebot.ports.telemetry import Telemetry
from flamebot.services.imports.from_request import ImportAccounts, ImportOrder


def router(importer: ImportAccounts, *, scope_prefix: str, telemetry: Telemetry) -> Router:
    """The import function's one route."""

    def import_accounts(request: Request) -> Answer:
        asked: ImportRequest = request.body
        order = ImportOrder(
            rows=asked.accounts,
            start=asked.start_automation,
            workflow_type=asked.workflow_type,
            spread=timedelta(seconds=asked.spread_seconds),
            key=request.headers.get("idempotency-key"),
            document=request.document,
        )
        report = importer.run(order, request.caller())
        return told(
            ImportResult,
            report.answer,
            headers={"Idempotent-Replayed": "true"} if report.replayed else {},
        )

    return Router(
        IMPORT, {"import_accounts": import_accounts}, scope_prefix=scope_prefix, telemetry=telemetry
    )
