"""The engine store on Postgres: every SQL call of tick and step is one method here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal

from flamebot.adapters.postgres.call_counts import call_count_json
from flamebot.adapters.postgres.connection import Database, Row
from flamebot.adapters.postgres.rows import (
    begin_result_of,
    begun_of,
    commit_item_json,
    committed_of,
    task_pointer,
    to_json,
)
from flamebot.domain.begun import Begun, Early
from flamebot.domain.committed import CommitItem, Committed
from flamebot.domain.ids import AccountId, DefinitionId
from flamebot.domain.message import TaskPointer
from flamebot.domain.service_call import CallCount
from flamebot.ports.clock import Clock

_CAPACITY = "free_queue_capacity(%(max_queued)s)"
_CLAIM = "select * from claim_due_tasks(%(now)s, %(horizon)s, %(limit)s, %(lease)s, %(rate)s)"
_RESEND = "select * from resend_expired(%(limit)s, %(lease)s)"
_RECLAIM = "select * from reclaim_expired(%(limit)s, %(delivery_id)s::uuid, %(now)s, %(lease)s)"
_BEGIN = (
    "select * from begin_tasks(%(ids)s::text[], %(fences)s::bigint[], %(delivery_id)s::uuid,"
    " %(now)s, %(lease)s)"
)
_COMMIT = (
    "select * from commit_tasks(%(items)s::jsonb, %(now)s, %(horizon)s, %(lease)s, %(rate)s,"
    " %(calls)s::jsonb)"
)
_DEFINITION = "definition_document(%(id)s)"
_CREDENTIALS = "select * from load_credentials(%(account)s)"
_REGISTERED = "mark_registered(%(account)s, %(version)s)"
_STATUS = "select set_account_status(%(account)s, %(status)s)"
_TICK = "select record_tick(%(claimed)s, %(sent)s, %(seconds)s)"
_HEALTH = "engine_health(%(now)s)"


class PostgresEngineStore:
    """Calls SQL functions, each in one statement and one transaction.

    Schedule time is the schedule clock's; where that returns none, the database reads its own. A
    repeatable call is made once again when its connection breaks; the others raise, because what
    they did is found again by the tick.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        horizon: timedelta,
        lease: timedelta,
        max_queued: int,
    ) -> None:
        """Take the connection and the engine's limits.

        Args:
            database: The connection, under the role of the calling function.
            clock: Schedule time and its rate.
            horizon: How far ahead tasks are queued. Schedule time.
            lease: How long a task may run. Wall time.
            max_queued: How many tasks may be queued or running before nothing more is claimed.
        """
        self._database = database
        self._clock = clock
        self._horizon = horizon
        self._lease = lease
        self._max_queued = max_queued

    def free_queue_capacity(self) -> int:
        """Return how many tasks may still be claimed."""
        return int(self._value(_CAPACITY, max_queued=self._max_queued))

    def claim_due_tasks(self, limit: int) -> list[TaskPointer]:
        """Claim tasks, earliest first.

        If the reply is lost they are sent again after their lease.
        """
        # Not repeatable: after a lost reply the claimed tasks have leases, and a second call would
        # claim others.
        rows = self._rows(_CLAIM, limit=limit)  # guard: claim-once
        pointers = [task_pointer(row) for row in rows]
        return sorted(pointers, key=lambda pointer: (pointer.due, pointer.task_id))

    def resend_expired(self, limit: int) -> list[TaskPointer]:
        """Return tasks that stayed queued past their lease, to be sent again."""
        rows = self._rows(_RESEND, limit=limit)  # guard: resend-once
        return [task_pointer(row) for row in rows]

    def reclaim_expired(self, limit: int, delivery_id: str) -> list[Begun]:
        """Reclaim tasks whose lease expired."""
        # guard: reclaim-once
        rows = self._rows(_RECLAIM, limit=limit, delivery_id=delivery_id)
        return [begun_of(row) for row in rows]

    def begin_tasks(self, pointers: Sequence[TaskPointer], delivery_id: str) -> list[Early | Begun]:
        """Begin tasks; a pointer that is given twice is begun once."""
        keys = list(dict.fromkeys((pointer.task_id, pointer.fence) for pointer in pointers))
        ids, fences = [task_id for task_id, _ in keys], [fence for _, fence in keys]
        # Repeatable: `begin_tasks` recognises its delivery id and returns the same tasks.
        # guard: begin-repeated
        rows = self._rows(_BEGIN, True, ids=ids, fences=fences, delivery_id=delivery_id)
        return [begin_result_of(row) for row in rows]

    def commit_tasks(
        self, items: Sequence[CommitItem], calls: Sequence[CallCount] = ()
    ) -> list[Committed]:
        """Commit decisions; the results are in the order of the items, stale ones included."""
        document = to_json([commit_item_json(item) for item in items])
        counts = to_json([call_count_json(count) for count in calls])
        # guard: commit-repeated
        rows = self._rows(_COMMIT, True, items=document, calls=counts)
        # By fence as well: a batch may hold a stale and a valid item of one task.
        accepted = {(row["task_id"], row["fence"]): committed_of(row) for row in rows}
        return [
            accepted.get((item.task_id, item.fence))  # guard: result-per-fence
            or Committed(task_id=item.task_id, accepted=False)
            for item in items
        ]

    def definition_document(self, definition_id: DefinitionId) -> dict[str, Any]:
        """Return a definition version's document. Raises `NotFound`."""
        document: dict[str, Any] = self._value(_DEFINITION, id=definition_id)
        return document

    def load_credentials(self, account_id: AccountId) -> dict[str, Any]:
        """Return what registration needs. Raises `NotFound`."""
        (row,) = self._rows(_CREDENTIALS, True, account=account_id)
        ciphertext = row["ciphertext"]
        return {**row, "ciphertext": None if ciphertext is None else bytes(ciphertext)}

    def mark_registered(self, account_id: AccountId, version: int) -> bool:
        """Store that this version is registered; False if the account has a newer one."""
        return bool(self._value(_REGISTERED, account=account_id, version=version))

    def set_account_status(
        self, account_id: AccountId, status: Literal["active", "suspended"]
    ) -> None:
        """Store the account's status at the actions service."""
        self._rows(_STATUS, True, account=account_id, status=status)

    def record_tick(self, claimed: int, sent: int, seconds: float) -> None:
        """Store the tick's heartbeat."""
        self._rows(_TICK, True, claimed=claimed, sent=sent, seconds=seconds)

    def engine_health(self) -> dict[str, Any]:
        """Return what the database knows of the engine's health."""
        health: dict[str, Any] = self._value(_HEALTH)
        return health

    def _value(self, call: str, **params: object) -> Any:  # noqa: ANN401  # JSON or a number
        return self._database.value(call, self._with_limits(params), repeatable=True)

    def _rows(self, sql: str, repeatable: bool = False, /, **params: object) -> list[Row]:
        return self._database.call(sql, self._with_limits(params), repeatable=repeatable)

    def _with_limits(self, params: dict[str, object]) -> dict[str, object]:
        """Add schedule time and the engine's limits, which most SQL functions take."""
        return {
            "now": self._clock.now(),
            "horizon": self._horizon,
            "lease": self._lease,
            "rate": self._clock.rate,
            **params,
        }
