"""The lock per account in Postgres, for whoever runs without DynamoDB."""

from __future__ import annotations

from datetime import timedelta

from flamebot.adapters.postgres.connection import Database, Row
from flamebot.adapters.postgres.rows import moment
from flamebot.domain.errors import LocksUnavailable, StoreUnavailable
from flamebot.ports.locks import Holder, LockAnswer, Verdict

_ACQUIRE = "select * from acquire_account_lock(%(account)s, %(delivery_id)s, %(instance)s, %(sequence)s, %(fence)s, %(timeout)s, %(lease)s)"


class PostgresLocks:
    """Rows of `workflow_locks`; times are the database's. A lost reply is harmless: whoever asks again has the lock."""

    def __init__(self, db: Database, *, timeout: timedelta, lease: timedelta) -> None:
        """`timeout` is the lock's, `lease` a task's."""
        self._db = db
        self._timeout = timeout
        self._lease = lease

    def acquire(self, account_id: str, holder: Holder) -> LockAnswer:
        """Take or renew the account's lock. Raises `LocksUnavailable`."""
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
        """Give it back, if it is still this delivery_id's. Raises `LocksUnavailable`."""
        (row,) = self._call(
            "select release_account_lock(%(key)s, %(delivery_id)s) as done",
            {"key": f"account:{account_id}", "delivery_id": delivery_id},
        )
        return bool(row["done"])

    def _call(self, sql: str, params: dict[str, object]) -> list[Row]:
        try:
            return self._db.call(sql, params, repeatable=True)
        except StoreUnavailable:
            raise LocksUnavailable from None
