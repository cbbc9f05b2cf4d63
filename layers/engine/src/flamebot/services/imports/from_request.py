"""Import accounts: judge, encrypt, store and start in one transaction, then send what is due soon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from flamebot.domain.errors import AccountIncomplete, IdempotencyInFlight, ValidationIssue
from flamebot.ports.clock import Clock
from flamebot.ports.control_store import Caller, ControlStore, Imported, Started, StartRow
from flamebot.ports.engine_store import Json
from flamebot.ports.queue import StepQueue
from flamebot.ports.telemetry import Telemetry
from flamebot.ports.vault import Vault
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.imports.idempotency import checked_key, record, same_request
from flamebot.services.imports.rows import encrypted, start_of
from flamebot.services.imports.validate import AccountInput, ValidatedRow, judge
from flamebot.services.sending import send_tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOrder:
    """What was asked for. `document` is the request as it was sent, for its Idempotency-Key."""

    rows: Sequence[object]
    start: bool
    workflow_type: str
    spread: timedelta  # schedule time
    key: str | None
    document: object


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """The answer (camelCase is the HTTP layer's matter), and whether it is an old one."""

    answer: Json
    replayed: bool


class ImportAccounts:
    """The import's use case."""

    def __init__(
        self,
        *,
        store: ControlStore,
        vault: Vault,
        catalog: DefinitionCatalog,
        queue: StepQueue,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._store = store
        self._vault = vault
        self._catalog = catalog
        self._queue = queue
        self._clock = clock
        self._telemetry = telemetry

    def run(self, order: ImportOrder, caller: Caller) -> ImportReport:
        """Import. Raises `Invalid`, `UnknownWorkflowType`, `IdempotencyKeyReused`, `IdempotencyInFlight`, `Unavailable`."""
        key = checked_key(order.key)
        replay = self._replay(key, order, caller)
        if replay:
            return replay
        rows = judge(order.rows)
        good = [row.account for row in rows if row.account]
        request: Json = {"start": order.start, "rows": [_remembered(row) for row in rows]}
        remembered = (
            replace(record(caller.actor, key, order.document), answer=request)
            if key is not None
            else None
        )
        starts = self._starts(good, order)
        try:
            imported = self._store.import_accounts(
                encrypted(good, self._store, self._vault), starts, remembered, caller
            )
        except IdempotencyInFlight:
            replay = self._replay(key, order, caller)  # the other one may have finished just now
            if replay:
                return replay
            raise
        self._count(imported, rejected=len(rows) - len(good))
        pointers = [start.send for start in imported.started if start.send]
        send_tasks(pointers, queue=self._queue, clock=self._clock, telemetry=self._telemetry)
        return ImportReport(answer=_answer(request, imported), replayed=False)

    def _replay(self, key: str | None, order: ImportOrder, caller: Caller) -> ImportReport | None:
        known = self._store.find_import(caller.actor, key) if key is not None else None
        if known is None:
            return None
        told = same_request(known, order.document)
        return ImportReport(
            answer=_answer(told["request"], _imported(told["imported"])), replayed=True
        )

    def _starts(self, good: Sequence[AccountInput], order: ImportOrder) -> list[StartRow]:
        """One start per row, spread evenly. Whether an account is complete and free, SQL decides: it knows what is stored."""
        if not order.start:
            return []
        definition = self._catalog.active(order.workflow_type)
        if not good:
            return []
        now = self._store.now()
        return [
            start_of(definition, account, now + order.spread * place / len(good))
            for place, account in enumerate(good)
        ]

    def _count(self, imported: Imported, *, rejected: int) -> None:
        self._telemetry.count("AccountsImported", len(imported.accounts))
        self._telemetry.count("AccountsRejected", rejected)
        self._telemetry.count(
            "WorkflowsStarted", sum(start.status == "started" for start in imported.started)
        )
        self._telemetry.info(
            "accounts_imported", imported=len(imported.accounts), rejected=rejected
        )


def _remembered(row: ValidatedRow) -> Json:
    return {
        "id": row.flamebot_id,
        "issues": [[issue.pointer, issue.detail] for issue in row.issues],
        "ok": row.account is not None,
    }


def _imported(told: Mapping[str, Any]) -> Imported:
    """SQL's part of a remembered answer."""
    started = [
        Started(
            account_id=row["account_id"], status=row["status"], instance_id=row.get("instance_id")
        )
        for row in told.get("started") or []
    ]
    return Imported(accounts=dict(told.get("accounts") or {}), started=started)


def _answer(request: Json, imported: Imported) -> Json:
    """The same answer from the same parts, the first time and every time after."""
    starts = {start.account_id: start for start in imported.started}
    results = [
        _result(index, row, request["start"], imported, starts)
        for index, row in enumerate(request["rows"])
    ]
    return {
        "imported": len(imported.accounts),
        "started": sum(start.status == "started" for start in imported.started),
        "rejected": sum(result["status"] == "rejected" for result in results),
        "results": results,
    }


def _result(
    index: int, row: Json, start_asked: bool, imported: Imported, starts: Mapping[str, Started]
) -> Json:
    issues = [ValidationIssue(*issue) for issue in row["issues"]]
    start = starts.get(row["id"]) if row["ok"] else None
    began = start is not None and start.status in ("started", "already_active")
    if not row["ok"]:
        problem: Json | None = _problem("invalid", "The row is not valid.", issues)
    elif start_asked and not began:
        missing = ValidationIssue(f"/accounts/{index}", AccountIncomplete.__doc__ or "")
        problem = _problem(AccountIncomplete.code, missing.detail, [missing])
    else:
        problem = None
    return {
        "index": index,
        "flamebot_id": row["id"],
        "status": imported.accounts[row["id"]] if row["ok"] else "rejected",
        "workflow": {
            "instance_id": start.instance_id if start and began else None,
            "status": (start.status if start and began else "rejected")
            if start_asked
            else "not_requested",
        },
        "problem": problem,
    }


def _problem(code: str, detail: str, issues: Sequence[ValidationIssue]) -> Json:
    return {
        "code": code,
        "detail": detail,
        "errors": [{"pointer": issue.pointer, "detail": issue.detail} for issue in issues],
    }
