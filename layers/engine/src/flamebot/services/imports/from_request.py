"""The import of accounts by request: validate, encrypt, store and start in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from flamebot.domain.errors import IdempotencyInFlight, ValidationIssue
from flamebot.domain.ids import IdField
from flamebot.ports.admin_store import (
    AdminStore,
    Caller,
    IdempotencyRecord,
    Imported,
    Started,
    StartRow,
)
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import Json
from flamebot.ports.queue import StepQueue
from flamebot.ports.telemetry import Telemetry
from flamebot.ports.vault import Vault
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.imports.idempotency import checked_key, new_record, same_request
from flamebot.services.imports.rows import account_data, account_rows
from flamebot.services.imports.validate import AccountInput, ValidatedRow, validate_rows
from flamebot.services.sending import send_tasks
from flamebot.services.workflows.start import start_row


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCommand:
    """A request to import accounts."""

    rows: Sequence[object]
    start: bool
    workflow_type: str
    spread: timedelta  # schedule time
    key: str | None  # Idempotency-Key
    document: object  # the request's body as it was sent


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """The result of one row. `issues` is empty for a row that was stored."""

    account_id: str | None
    id_field: IdField  # the name under which the row gave its id
    status: Literal["created", "updated", "rejected"]
    workflow: Literal["started", "already_active", "not_requested", "rejected"]
    instance_id: str | None = None
    issues: tuple[ValidationIssue, ...] = ()
    missing: tuple[str, ...] = ()  # the fields for want of which no workflow was started


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """The result of an import, its rows in the order of the request."""

    results: Sequence[RowResult]
    replayed: bool  # the result of an earlier request with the same key


class ImportAccounts:
    """The use case behind `POST /v1/accounts/import`."""

    def __init__(
        self,
        *,
        store: AdminStore,
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

    def run(self, command: ImportCommand, caller: Caller) -> ImportReport:
        """Import the valid rows and report on every row.

        Raises:
            Invalid: the Idempotency-Key is malformed.
            UnknownWorkflowType: there is no definition to start.
            IdempotencyKeyReused: the key was used with another body.
            IdempotencyInFlight: a request with the same key is being processed.
            Unavailable: nothing was stored, or the response was lost; with a key, retry is safe.
        """
        key = checked_key(command.key)
        replay = self._replay(key, command, caller)
        if replay:  # guard: replay-before-import
            return replay
        rows = validate_rows(command.rows)
        accounts = [row.account for row in rows if row.account]
        starts = self._starts(accounts, command)
        record = _record(key, command, rows, caller) if key is not None else None
        try:
            # Only the insert of the key in this transaction decides between two requests at once:
            # both may have found no replay above.
            imported = self._store.import_accounts(
                account_rows(accounts, self._store, self._vault), starts, record, caller
            )
        except IdempotencyInFlight:
            # The other request may have committed since.
            replay = self._replay(key, command, caller)
            if replay:  # guard: replay-after-in-flight
                return replay
            raise
        self._count(imported, rejected=len(rows) - len(accounts))
        # After the commit: a task that is sent before it would find no row to begin. One that is
        # never sent, after a crash here, is sent by the tick.
        pointers = [start.send for start in imported.started if start.send]
        # guard: send-after-import
        send_tasks(pointers, queue=self._queue, clock=self._clock, telemetry=self._telemetry)
        return ImportReport(results=_results(rows, imported, start=command.start), replayed=False)

    def _replay(
        self, key: str | None, command: ImportCommand, caller: Caller
    ) -> ImportReport | None:
        known = self._store.find_import(caller.actor, key) if key is not None else None
        if known is None:
            return None
        answer = same_request(known, command.document)
        rows = [_row_of(row) for row in answer["request"]["rows"]]
        imported = _imported_of(answer["imported"])
        return ImportReport(
            results=_results(rows, imported, start=answer["request"]["start"]), replayed=True
        )

    def _starts(self, accounts: Sequence[AccountInput], command: ImportCommand) -> list[StartRow]:
        """Return one start per account, spread evenly.

        SQL decides which of them start: it knows whether the stored account is complete and has no
        live workflow.
        """
        if not command.start:
            return []
        definition = self._catalog.current(command.workflow_type)
        if not accounts:
            return []
        now = self._store.now()
        return [
            start_row(
                definition, account_data(account), now + command.spread * number / len(accounts)
            )
            for number, account in enumerate(accounts)
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


def _results(rows: Sequence[ValidatedRow], imported: Imported, *, start: bool) -> list[RowResult]:
    """Combine Python's part and SQL's part, for a new import and for a replay alike."""
    starts = {started.account_id: started for started in imported.started}
    return [_result(row, imported, starts, start=start) for row in rows]


def _result(
    row: ValidatedRow, imported: Imported, starts: Mapping[str, Started], *, start: bool
) -> RowResult:
    if not row.valid or row.account_id is None:
        return RowResult(
            account_id=row.account_id,
            id_field=row.id_field,
            status="rejected",
            workflow="rejected" if start else "not_requested",
            issues=row.issues,
        )
    status = imported.accounts[row.account_id]
    started = starts.get(row.account_id)
    if not start or started is None or started.status not in ("started", "already_active"):
        return RowResult(
            account_id=row.account_id,
            id_field=row.id_field,
            status=status,
            workflow="rejected" if start else "not_requested",
            missing=tuple(imported.incomplete.get(row.account_id, ())),
        )
    return RowResult(
        account_id=row.account_id,
        id_field=row.id_field,
        status=status,
        workflow="started" if started.status == "started" else "already_active",
        instance_id=started.instance_id,
    )


def _record(
    key: str, command: ImportCommand, rows: Sequence[ValidatedRow], caller: Caller
) -> IdempotencyRecord:
    remembered = [
        {
            "id": row.account_id,
            "field": row.id_field,
            "issues": [[issue.pointer, issue.detail] for issue in row.issues],
        }
        for row in rows
    ]
    answer: Json = {"start": command.start, "rows": remembered}
    return new_record(caller.actor, key, command.document, answer)


def _row_of(stored: Json) -> ValidatedRow:
    issues = tuple(ValidationIssue(*issue) for issue in stored["issues"])
    # A response that an earlier version stored has no field.
    return ValidatedRow(
        account_id=stored["id"], id_field=stored.get("field", "flamebotId"), issues=issues
    )


def _imported_of(stored: Mapping[str, Any]) -> Imported:
    started = [
        Started(
            account_id=row["account_id"], status=row["status"], instance_id=row.get("instance_id")
        )
        for row in stored.get("started") or []
    ]
    return Imported(
        accounts=dict(stored.get("accounts") or {}),
        started=started,
        incomplete=dict(stored.get("incomplete") or {}),
    )
