"""The account lock in Postgres, for installations without DynamoDB."""

from __future__ import annotations

from datetime import timedelta

from flamebot.adapters.postgres.connection import Database, Row
from flamebot.adapters.postgres.rows import moment
from flamebot.domain.errors import LocksUnavailable, StoreUnavailable
from flamebot.ports.locks import Holder, LockAnswer, Verdict

_ACQUIRE = (
    "select * from acquire_account_lock(%(account)s, %(delivery_id)s, %(instance)s, %(sequence)s,"
    " %(fence)s, %(timeout)s, %(lease)s)"
)


class PostgresLocks:
    """`Locks` as rows of `workflow_locks`, by the database's clock.

    Calls are repeatable: a delivery that asks again for the lock it has is granted it.
    """

    def __init__(self, database: Database, *, timeout: timedelta, lease: timedelta) -> None:
        """Set how long a lock is held at most (`timeout`), and a task's `lease` (wall time)."""
        self._database = database
        self._timeout = timeout
        self._lease = lease

    def acquire(self, account_id: str, holder: Holder) -> LockAnswer:
        """Acquire or renew the account's lock. Raises `LocksUnavailable`."""
        (row,) = self._call(
            _ACQUIRE,
            {
                "account": account_id,
                "delivery_id": holder.delivery_id,
                "instance": holder.instance_id,
                "sequence": holder.sequence,
                "fence": holder.fence,
                "timeout": self._timeout,
                "lease": self._lease,
            },
        )
        verdict = Verdict(row["verdict"])
        return LockAnswer(
            verdict=verdict,
            held_until=moment(row["held_until"]) if verdict is Verdict.HELD else None,
        )

    def release(self, account_id: str, delivery_id: str) -> bool:
        """Release the lock if this delivery id holds it. Raises `LocksUnavailable`."""
        (row,) = self._call(
            "select release_account_lock(%(account)s, %(delivery_id)s) as released",
            {"account": account_id, "delivery_id": delivery_id},
        )
        return bool(row["released"])

    def _call(self, sql: str, params: dict[str, object]) -> list[Row]:
        try:
            return self._database.call(sql, params, repeatable=True)
        except StoreUnavailable:  # guard: locks-unavailable
            # The caller defers the task on LocksUnavailable; a StoreUnavailable ends the batch.
            raise LocksUnavailable from None
