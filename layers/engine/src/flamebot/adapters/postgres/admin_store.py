"""The store of the API and of the import by request, on Postgres."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from flamebot.adapters.postgres.connection import Database, Row
from flamebot.adapters.postgres.overviews import instance_key, overview, service_overview
from flamebot.adapters.postgres.rows import (
    decision_json,
    instance_of,
    moment,
    start_row_json,
    started_of,
    task_of,
    task_pointer,
    to_json,
)
from flamebot.adapters.postgres.shared_calls import SharedCalls
from flamebot.domain.decision import Decision
from flamebot.ports.admin_store import (
    AccountRow,
    Caller,
    Changed,
    IdempotencyRecord,
    Imported,
    InstanceSnapshot,
    Precondition,
    Started,
    StartRow,
)
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import Json

_TIMING = "%(now)s, %(horizon)s, %(lease)s, %(rate)s"
_CALLER = "%(actor)s, %(reason)s"


class PostgresAdminStore(SharedCalls):
    """`AdminStore` on Postgres: each method calls the SQL function of its name.

    `repeatable` calls are sent again when their connection is lost before the result came. The
    others change something that a second call would refuse or count twice, so they raise
    `StoreUnavailable` and the client decides.
    """

    def __init__(
        self, database: Database, clock: Clock, *, horizon: timedelta, lease: timedelta
    ) -> None:
        """Keep what the calls pass along.

        Args:
            database: The connection.
            clock: Schedule time and its rate.
            horizon: Tasks that are due within it are queued at once (schedule time).
            lease: Lease of a queued task (wall time).
        """
        super().__init__(database, clock)
        self._horizon = horizon
        self._lease = lease

    def current_definition(self, workflow_type: str) -> Json:
        """Return the current version's document with `id` and `created_by`."""
        return dict(self._value("current_definition(%(t)s)", repeatable=True, t=workflow_type))

    def publish_definition(
        self, document: Mapping[str, Any], precondition: Precondition, caller: Caller
    ) -> Json:
        """Publish a new version if the precondition holds, and return the current document."""
        versions = precondition.versions
        published = self._value(
            f"publish_definition(%(document)s, %(exists)s, %(versions)s::int[], {_CALLER})",
            # A first version that was published, but whose answer was lost, would be refused.
            repeatable=precondition.exists,
            document=to_json(document),
            exists=precondition.exists,
            versions=None if versions is None else sorted(versions),
            **_caller(caller),
        )
        return dict(published)

    def find_import(self, principal: str, key: str) -> IdempotencyRecord | None:
        """Return the remembered request, if there is one."""
        sql = "select * from find_import(%(principal)s, %(key)s)"
        for row in self._rows(sql, repeatable=True, principal=principal, key=key):
            return IdempotencyRecord(
                principal=principal,
                key=key,
                salt=bytes(row["salt"]),
                digest=bytes(row["digest"]),
                answer=row["response"],
            )
        return None

    def import_accounts(
        self,
        accounts: Sequence[AccountRow],
        starts: Sequence[StartRow],
        record: IdempotencyRecord | None,
        caller: Caller,
    ) -> Imported:
        """Store accounts, start instances and remember the request, in one transaction."""
        # Not repeatable: without a key, a second call would report created accounts as updated.
        imported = self._value(
            "import_accounts(%(accounts)s, %(starts)s, %(principal)s, %(key)s, %(salt)s,"
            f" %(digest)s, %(remember)s, {_CALLER}, {_TIMING})",
            accounts=to_json([_account_json(row) for row in accounts]),
            starts=to_json([start_row_json(row) for row in starts]),
            principal=record.principal if record else None,
            key=record.key if record else None,
            salt=record.salt if record else None,
            digest=record.digest if record else None,
            remember=to_json(record.answer) if record else None,
            **_caller(caller),
            **self._timing(),
        )
        return Imported(
            accounts=dict(imported["accounts"]),
            started=[started_of(row) for row in imported["started"]],
            incomplete=dict(imported["incomplete"]),
        )

    def start_workflows(self, starts: Sequence[StartRow], caller: Caller) -> list[Started]:
        """Start instances; for the same instance ids again, return the same results."""
        rows = self._rows(
            f"select * from start_workflows(%(rows)s, {_CALLER}, {_TIMING})",
            repeatable=True,
            rows=to_json([start_row_json(row) for row in starts]),
            **_caller(caller),
            **self._timing(),
        )
        return [started_of(row) for row in rows]

    def pause_workflow(self, instance_id: str, caller: Caller) -> Changed:
        """Hold the waiting task of a workflow."""
        call = f"pause_workflow(%(id)s, %(now)s, {_CALLER})"
        return self._changed(call, instance_id, caller, repeatable=True)

    def resume_workflow(
        self, instance_id: str, clock: Literal["freeze", "run_on"], caller: Caller
    ) -> Changed:
        """Release the held task of a workflow."""
        call = f"resume_workflow(%(id)s, %(clock)s, {_TIMING}, {_CALLER})"
        return self._changed(call, instance_id, caller, repeatable=True, clock=clock)

    def stop_workflow(self, instance_id: str, caller: Caller) -> Changed:
        """Stop a workflow, or begin to stop it."""
        call = f"stop_workflow(%(id)s, %(now)s, %(lease)s, {_CALLER})"
        return self._changed(call, instance_id, caller, repeatable=True)

    def instance_snapshot(self, instance_id: str) -> InstanceSnapshot:
        """Read an instance and its last task at one moment."""
        row = self._value(
            "instance_snapshot(%(id)s, %(now)s)",
            repeatable=True,
            id=instance_key(instance_id),
            now=self._clock.now(),
        )
        task = row["task"]
        return InstanceSnapshot(
            instance=instance_of(row["instance"]),
            task=task_of(task) if task else None,
            task_status=task["status"] if task else None,
            now=moment(row["now"]),
            global_paused_ms=row["global_paused_ms"],
        )

    def retry_workflow(
        self, instance_id: str, revision: int, decision: Decision, caller: Caller
    ) -> Changed:
        """Set a failed instance to active and write the decision."""
        # Not repeatable: after the first call the revision is another one, and a second call fails.
        call = f"retry_workflow(%(id)s, %(revision)s, %(decision)s, {_TIMING}, {_CALLER})"
        document = to_json(decision_json(decision))
        return self._changed(call, instance_id, caller, revision=revision, decision=document)

    def skip_step(
        self, instance_id: str, revision: int, decision: Decision, caller: Caller
    ) -> Changed:
        """Cancel the waiting task and write the decision."""
        # Not repeatable, like a retry; the client reads the workflow and decides.
        call = f"skip_step(%(id)s, %(revision)s, %(decision)s, {_TIMING}, {_CALLER})"
        document = to_json(decision_json(decision))
        return self._changed(call, instance_id, caller, revision=revision, decision=document)

    def run_workflow_now(self, instance_id: str, revision: int, caller: Caller) -> Changed:
        """Make the waiting task due now."""
        call = f"run_workflow_now(%(id)s, %(revision)s, %(now)s, %(lease)s, {_CALLER})"
        return self._changed(call, instance_id, caller, revision=revision)

    def pause_all(self, caller: Caller) -> Json:
        """Pause globally and return the control state."""
        return self._control(f"pause_all(%(now)s, {_CALLER})", caller)

    def resume_all(self, caller: Caller) -> Json:
        """End the global pause and return the control state."""
        return self._control(f"resume_all(%(now)s, {_CALLER})", caller)

    def open_service(self, name: str, caller: Caller) -> Json:
        """Open the breaker of a service by hand, and return the service."""
        return self._service(f"open_service(%(name)s, %(now)s, {_CALLER})", name, caller)

    def close_service(self, name: str, caller: Caller) -> Json:
        """End an open breaker by hand, and return the service."""
        return self._service(f"close_service(%(name)s, %(now)s, {_CALLER})", name, caller)

    def _service(self, call: str, name: str, caller: Caller) -> Json:
        return service_overview(
            self._value(call, name=name, now=self._clock.now(), **_caller(caller))
        )

    def control_state(self) -> Json:
        """Return `{paused, paused_at, paused_ms}`."""
        return overview(self._value("control_state()", repeatable=True))

    def delete_account(self, account_id: str, caller: Caller) -> None:
        """Erase an account with its context and results."""
        # Not repeatable: a second call would not find the account.
        self._value(f"delete_account(%(id)s, {_CALLER})", id=account_id, **_caller(caller))

    def _changed(
        self,
        call: str,
        instance_id: str,
        caller: Caller,
        *,
        repeatable: bool = False,
        **params: object,
    ) -> Changed:
        """Call a control function; it is repeatable if repeating it changes nothing."""
        row = self._value(
            call,
            repeatable=repeatable,
            id=instance_key(instance_id),
            **_caller(caller),
            **self._timing(),
            **params,
        )
        send = [task_pointer(pointer) for pointer in row["send"]]
        return Changed(workflow=overview(row["workflow"]), send=send)

    def _control(self, call: str, caller: Caller) -> Json:
        state = self._value(call, repeatable=True, now=self._clock.now(), **_caller(caller))
        return overview(state)

    def _timing(self) -> dict[str, Any]:
        return {
            "now": self._clock.now(),
            "horizon": self._horizon,
            "lease": self._lease,
            "rate": self._clock.rate,
        }

    def _value(self, call: str, *, repeatable: bool = False, **params: object) -> Any:  # noqa: ANN401  # whatever the function returns
        return self._database.value(call, params, repeatable=repeatable)

    def _rows(self, sql: str, *, repeatable: bool = False, **params: object) -> list[Row]:
        return self._database.call(sql, params, repeatable=repeatable)


def _caller(caller: Caller) -> dict[str, Any]:
    return {"actor": caller.actor, "reason": caller.reason}


def _account_json(row: AccountRow) -> Json:
    """Return an account as import_accounts reads it, the ciphertext in base64."""
    ciphertext = row.ciphertext
    return {
        "flamebot_id": row.account_id,
        "model_id": row.model_id,
        "channel_id": row.channel_id,
        "config": row.config,
        "version": row.version,
        "ciphertext": None if ciphertext is None else base64.b64encode(ciphertext).decode(),
    }
