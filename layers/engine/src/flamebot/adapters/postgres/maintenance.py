"""The periodic pass on Postgres: small batches, each one call."""

from __future__ import annotations

from datetime import timedelta

from flamebot.adapters.postgres.connection import Database
from flamebot.adapters.postgres.overviews import overview
from flamebot.adapters.postgres.rows import to_json
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import Json


class PostgresMaintenanceStore:
    """`MaintenanceStore` on Postgres."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def delete_finished_tasks(self, older_than: timedelta, limit: int) -> int:
        """Task rows that finished longer ago than this; how many went."""
        return self._count(
            "select delete_finished_tasks(coalesce(%(now)s::timestamptz, clock_timestamp()) - %(age)s, %(limit)s) as answer",
            now=self._clock.now(),
            age=older_than,
            limit=limit,
        )

    def delete_expired_locks(self) -> int:
        """Locks of the Postgres backend whose time is over; how many went."""
        return self._count("select delete_expired_locks() as answer")

    def delete_old_requests(self) -> int:
        """Remembered imports that nobody may repeat any more; how many went."""
        return self._count("select delete_old_requests() as answer")

    def maintain_history(self, keep: timedelta) -> Json:
        """`created` and `dropped` partitions by name, `deleted` rows of the default one."""
        rows = self._database.call(
            "select maintain_history(%(now)s, %(keep)s) as answer",
            {"now": self._clock.now(), "keep": keep},
            repeatable=True,
        )
        return dict(rows[0]["answer"])

    def find_orphaned_workflows(self, after: str, limit: int) -> Json:
        """Live workflows that nothing would ever wake, among those of the accounts after this one."""
        return dict(
            self._database.call(
                "select find_orphaned_workflows(%s, %s) as answer", (after, limit), repeatable=True
            )[0]["answer"]
        )

    def record_maintenance(self, report: Json) -> None:
        """Remember the pass."""
        self._database.call(
            "select record_maintenance(%s::jsonb)", (to_json(report),), repeatable=True
        )

    def health(self) -> Json:
        """What the database knows; see `engine_health`."""
        rows = self._database.call(
            "select engine_health(%(now)s) as answer", {"now": self._clock.now()}, repeatable=True
        )
        return overview(rows[0]["answer"])

    def _count(self, sql: str, **params: object) -> int:
        # Repeatable: what was deleted by a call whose answer got lost is merely not counted.
        return int(self._database.call(sql, params, repeatable=True)[0]["answer"])
