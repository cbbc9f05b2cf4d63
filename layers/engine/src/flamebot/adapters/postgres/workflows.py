"""The verbs behind the API and the import, on Postgres."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from flamebot.adapters.postgres.connection import Database, Row
from flamebot.adapters.postgres.overviews import instance_key, overview
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
from flamebot.domain.decision import Decision
from flamebot.ports.clock import Clock
from flamebot.ports.control_store import (
    AccountRow,
    Caller,
    Changed,
    IdempotencyRecord,
    Imported,
    InstanceSnapshot,
    Started,
    StartRow,
)
from flamebot.ports.engine_store import Json


class PostgresControlStore:
    """`ControlStore` on Postgres: it passes the schedule clock's time, horizon, lease and rate by itself."""

    def __init__(
        self, database: Database, clock: Clock, *, horizon: timedelta, lease: timedelta
    ) -> None:
        self._database = database
        self._clock = clock
        self._horizon = horizon
        self._lease = lease

    def now(self) -> datetime:
        """Schedule time."""
        return moment(
            self._clock.now() or self._answer("select clock_timestamp() as answer", repeatable=True)
        )

    def current_definition(self, workflow_type: str) -> Json:
        """The current version's document with its `id` and `created_by`."""
        return dict(
            self._answer(
                "select current_definition(%(type)s) as answer", repeatable=True, type=workflow_type
            )
        )

    def definition_document(self, definition_id: int) -> Json:
        """A definition version's document."""
        return dict(
            self._answer(
                "select definition_document(%(id)s) as answer", repeatable=True, id=definition_id
            )
        )

    def reserve_credentials_versions(self, count: int) -> list[int]:
        """Credentials versions that nobody else will ever get."""
        rows = self._rows(
            "select v.version from reserve_credentials_versions(%(count)s) v (version)",
            repeatable=True,
            count=count,
        )
        return [row["version"] for row in rows]

    def find_import(self, principal: str, key: str) -> IdempotencyRecord | None:
        """The remembered request; its `answer` is `{"request", "imported"}`."""
        rows = self._rows(
            "select * from find_import(%(principal)s, %(key)s)",
            repeatable=True,
            principal=principal,
            key=key,
        )
        for row in rows:
            return IdempotencyRecord(
                principal=principal,
                key=key,
                salt=bytes(row["salt"]),
                digest=bytes(row["digest"]),
                answer=row["answer"],
            )
        return None

    def import_accounts(
        self,
        accounts: Sequence[AccountRow],
        starts: Sequence[StartRow],
        record: IdempotencyRecord | None,
        caller: Caller,
    ) -> Imported:
        """Store, start and remember, in one transaction."""
        answer = self._answer(
            "select import_accounts(%(accounts)s, %(starts)s, %(principal)s, %(key)s, %(salt)s, %(digest)s, %(remember)s,"
            " %(actor)s, %(reason)s, %(now)s, %(horizon)s, %(lease)s, %(rate)s) as answer",
            accounts=to_json([_account_json(row) for row in accounts]),
            starts=to_json([start_row_json(row) for row in starts]),
            principal=record.principal if record else None,
            key=record.key if record else None,
            salt=record.salt if record else None,
            digest=record.digest if record else None,
            remember=to_json(record.answer) if record else None,
            **_who(caller),
            **self._timing(),
        )
        return Imported(
            accounts=dict(answer["accounts"]),
            started=[started_of(row) for row in answer["started"]],
        )

    def start_workflows(self, starts: Sequence[StartRow], caller: Caller) -> list[Started]:
        """Start; the same instance ids again are answered as they were started."""
        rows = self._rows(
            "select * from start_workflows(%(rows)s, %(actor)s, %(reason)s, %(now)s, %(horizon)s, %(lease)s, %(rate)s)",
            repeatable=True,
            rows=to_json([start_row_json(row) for row in starts]),
            **_who(caller),
            **self._timing(),
        )
        return [started_of(row) for row in rows]

    def pause_workflow(self, instance_id: str, caller: Caller) -> Changed:
        """Hold the waiting task."""
        return self._changed(
            "pause_workflow(%(id)s, %(now)s, %(actor)s, %(reason)s)",
            instance_id,
            caller,
            repeatable=True,
        )

    def resume_workflow(
        self, instance_id: str, clock: Literal["freeze", "run_on"], caller: Caller
    ) -> Changed:
        """Go on."""
        verb = "resume_workflow(%(id)s, %(clock)s, %(now)s, %(horizon)s, %(lease)s, %(rate)s, %(actor)s, %(reason)s)"
        return self._changed(verb, instance_id, caller, repeatable=True, clock=clock)

    def stop_workflow(self, instance_id: str, caller: Caller) -> Changed:
        """Stop, or begin to."""
        return self._changed(
            "stop_workflow(%(id)s, %(now)s, %(lease)s, %(actor)s, %(reason)s)",
            instance_id,
            caller,
            repeatable=True,
        )

    def standing(self, instance_id: str) -> InstanceSnapshot:
        """Read for a plan."""
        row = self._answer(
            "select instance_snapshot(%(id)s, %(now)s) as answer",
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
        """Failed to active."""
        return self._planned("retry_workflow", instance_id, revision, decision, caller)

    def skip_step(
        self, instance_id: str, revision: int, decision: Decision, caller: Caller
    ) -> Changed:
        """Past the waiting step."""
        return self._planned("skip_step", instance_id, revision, decision, caller)

    def run_workflow_now(self, instance_id: str, revision: int, caller: Caller) -> Changed:
        """The waiting task is due now."""
        verb = "run_workflow_now(%(id)s, %(revision)s, %(now)s, %(lease)s, %(actor)s, %(reason)s)"
        return self._changed(verb, instance_id, caller, revision=revision)

    def pause_all(self, caller: Caller) -> Json:
        """Global pause."""
        return self._control(
            "pause_all(%(now)s, %(actor)s, %(reason)s)", now=self._clock.now(), **_who(caller)
        )

    def resume_all(self, caller: Caller) -> Json:
        """End of the global pause."""
        return self._control(
            "resume_all(%(now)s, %(actor)s, %(reason)s)", now=self._clock.now(), **_who(caller)
        )

    def control(self) -> Json:
        """`{paused, paused_at, paused_ms}`."""
        return self._control("control_state()")

    def publish_definition(
        self, document: Mapping[str, Any], expected_version: int | None, caller: Caller
    ) -> Json:
        """A new version, or the current one if its content is the same."""
        return dict(
            self._answer(
                "select publish_definition(%(document)s, %(expected)s, %(actor)s, %(reason)s) as answer",
                repeatable=True,
                document=to_json(document),
                expected=expected_version,
                **_who(caller),
            )
        )

    def delete_account(self, account_id: str, caller: Caller) -> None:
        """Erase it."""
        self._rows(
            "select delete_account(%(id)s, %(actor)s, %(reason)s)", id=account_id, **_who(caller)
        )

    def _planned(
        self, verb: str, instance_id: str, revision: int, decision: Decision, caller: Caller
    ) -> Changed:
        call = f"{verb}(%(id)s, %(revision)s, %(decision)s, %(now)s, %(horizon)s, %(lease)s, %(rate)s, %(actor)s, %(reason)s)"
        return self._changed(
            call, instance_id, caller, revision=revision, decision=to_json(decision_json(decision))
        )

    def _changed(
        self,
        verb: str,
        instance_id: str,
        caller: Caller,
        *,
        repeatable: bool = False,
        **params: object,
    ) -> Changed:
        """`repeatable`: asking for the state it is in already changes nothing."""
        sql = f"select {verb} as answer"
        key = instance_key(instance_id)
        answer = self._answer(
            sql, repeatable=repeatable, id=key, **_who(caller), **self._timing(), **params
        )
        return Changed(
            workflow=overview(answer["workflow"]),
            send=[task_pointer(row) for row in answer["send"]],
        )

    def _control(self, verb: str, **params: object) -> Json:
        return overview(self._answer(f"select {verb} as answer", repeatable=True, **params))

    def _timing(self) -> dict[str, Any]:
        return {
            "now": self._clock.now(),
            "horizon": self._horizon,
            "lease": self._lease,
            "rate": self._clock.rate,
        }

    def _answer(self, sql: str, *, repeatable: bool = False, **params: object) -> Any:  # noqa: ANN401  # whatever the function answers
        (row,) = self._rows(sql, repeatable=repeatable, **params)
        return row["answer"]

    def _rows(self, sql: str, *, repeatable: bool = False, **params: object) -> list[Row]:
        return self._database.call(sql, params, repeatable=repeatable)


def _who(caller: Caller) -> dict[str, Any]:
    return {"actor": caller.actor, "reason": caller.reason}


def _account_json(row: AccountRow) -> Json:
    """A row of import_accounts; the ciphertext in base64."""
    return {
        "flamebot_id": row.flamebot_id,
        "model_id": row.model_id,
        "channel_id": row.channel_id,
        "config": row.config,
        "version": row.version,
        "ciphertext": base64.b64encode(row.ciphertext).decode()
        if row.ciphertext is not None
        else None,
    }
