"""The hot verbs over Postgres: tick and step."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal

from flamebot.adapters.postgres.connection import Database
from flamebot.adapters.postgres.rows import (
    begun_of,
    commit_item_json,
    committed_of,
    task_pointer,
    to_json,
)
from flamebot.domain.message import TaskPointer
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import Begun, CommitItem, Committed

_CLAIM = "select * from claim_due_tasks(%(now)s, %(horizon)s, %(limit)s, %(lease)s, %(rate)s)"
_RESEND = "select * from resend_expired(%(limit)s, %(lease)s)"
_RECLAIM = "select * from reclaim_expired(%(limit)s, %(delivery_id)s::uuid, %(now)s, %(lease)s)"
_BEGIN = "select * from begin_tasks(%(ids)s::text[], %(fences)s::bigint[], %(delivery_id)s::uuid, %(now)s, %(lease)s)"
_COMMIT = "select * from commit_tasks(%(items)s::jsonb, %(now)s, %(horizon)s, %(lease)s, %(rate)s)"


class PostgresEngineStore:
    """Each method one verb, one statement, one transaction. Schedule time is the schedule clock's, or else the database's."""

    def __init__(
        self, db: Database, clock: Clock, *, horizon: timedelta, lease: timedelta, max_queued: int
    ) -> None:
        """Take the connection and what every verb is told: how far ahead to queue, how long a task may run."""
        self._db = db
        self._clock = clock
        self._horizon = horizon
        self._lease = lease
        self._max_queued = max_queued

    def free_queue_capacity(self) -> int:
        """How many tasks may still be claimed."""
        (row,) = self._db.call(
            "select free_queue_capacity(%s) as free", (self._max_queued,), repeatable=True
        )
        return int(row["free"])

    def claim_due_tasks(self, limit: int) -> list[TaskPointer]:
        """Claim, earliest first. Not repeated when the answer is lost: what was claimed is sent again after its lease."""
        rows = self._db.call(_CLAIM, self._time(limit=limit))
        return sorted(
            (task_pointer(row) for row in rows), key=lambda pointer: (pointer.due, pointer.task_id)
        )

    def resend_expired(self, limit: int) -> list[TaskPointer]:
        """Take what stayed queued past its lease."""
        return [task_pointer(row) for row in self._db.call(_RESEND, self._time(limit=limit))]

    def reclaim_expired(self, limit: int, delivery_id: str) -> list[Begun]:
        """Reclaim what was lost."""
        return [
            begun_of(row)
            for row in self._db.call(_RECLAIM, self._time(limit=limit, delivery_id=delivery_id))
        ]

    def begin_tasks(self, pointers: Sequence[TaskPointer], delivery_id: str) -> list[Begun]:
        """Begin; a pointer that came twice is begun once."""
        asked = list(dict.fromkeys((pointer.task_id, pointer.fence) for pointer in pointers))
        ids, fences = [task_id for task_id, _ in asked], [fence for _, fence in asked]
        return [
            begun_of(row)
            for row in self._db.call(
                _BEGIN, self._time(ids=ids, fences=fences, delivery_id=delivery_id), repeatable=True
            )
        ]

    def commit_tasks(self, items: Sequence[CommitItem]) -> list[Committed]:
        """Commit; what is not answered was stale. Answers in the order of the items."""
        document = to_json([commit_item_json(item) for item in items])
        rows = self._db.call(_COMMIT, self._time(items=document), repeatable=True)
        accepted = {(row["task_id"], row["fence"]): committed_of(row) for row in rows}
        return [
            accepted.get((item.task_id, item.fence))
            or Committed(task_id=item.task_id, accepted=False)
            for item in items
        ]

    def definition_document(self, definition_id: int) -> dict[str, Any]:
        """A definition version's document."""
        (row,) = self._db.call(
            "select definition_document(%s) as document", (definition_id,), repeatable=True
        )
        document: dict[str, Any] = row["document"]
        return document

    def load_credentials(self, account_id: str) -> dict[str, Any]:
        """What registration needs. Raises `NotFound`."""
        (row,) = self._db.call("select * from load_credentials(%s)", (account_id,), repeatable=True)
        ciphertext = row["ciphertext"]
        return {**row, "ciphertext": None if ciphertext is None else bytes(ciphertext)}

    def mark_registered(self, account_id: str, version: int) -> bool:
        """CAS on the credentials version."""
        (row,) = self._db.call(
            "select mark_registered(%s, %s) as done", (account_id, version), repeatable=True
        )
        return bool(row["done"])

    def set_account_status(self, account_id: str, status: Literal["active", "suspended"]) -> None:
        """Remember what the service said."""
        self._db.call("select set_account_status(%s, %s)", (account_id, status), repeatable=True)

    def record_tick(self, claimed: int, sent: int, seconds: float) -> None:
        """Remember the heartbeat."""
        self._db.call("select record_tick(%s, %s, %s)", (claimed, sent, seconds), repeatable=True)

    def engine_health(self) -> dict[str, Any]:
        """What the database knows; see `engine_health`."""
        (row,) = self._db.call(
            "select engine_health(%s) as answer", (self._clock.now(),), repeatable=True
        )
        answer: dict[str, Any] = row["answer"]
        return answer

    def _time(self, **others: object) -> dict[str, object]:
        return {
            "now": self._clock.now(),
            "horizon": self._horizon,
            "lease": self._lease,
            "rate": self._clock.rate,
            **others,
        }
