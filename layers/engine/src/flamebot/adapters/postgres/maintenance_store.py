"""The store of the maintenance pass, on Postgres."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flamebot.adapters.postgres.connection import Database
from flamebot.adapters.postgres.overviews import overview
from flamebot.adapters.postgres.rows import to_json
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import Json


class PostgresMaintenanceStore:
    """`MaintenanceStore` on Postgres: each method calls the SQL function of its name.

    Every call is repeatable. Rows that were deleted by a call whose result was lost are not
    counted.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def delete_finished_tasks(self, older_than: timedelta, limit: int) -> int:
        """Delete task rows that finished longer ago; return how many."""
        deleted = self._value(
            "delete_finished_tasks("
            "coalesce(%(now)s::timestamptz, clock_timestamp()) - %(age)s, %(limit)s)",
            now=self._clock.now(),
            age=older_than,
            limit=limit,
        )
        return int(deleted)

    def delete_expired_locks(self) -> int:
        """Delete expired locks of the Postgres backend; return how many."""
        return int(self._value("delete_expired_locks()"))

    def delete_old_requests(self) -> int:
        """Delete remembered requests that no client may repeat any more; return how many."""
        return int(self._value("delete_old_requests()"))

    def delete_old_calls(self) -> int:
        """Delete old counts of calls to services and old openings."""
        return int(self._value("delete_old_calls(%(now)s)", now=self._clock.now()))

    def maintain_history(self, keep: timedelta) -> Json:
        """Create the coming days' partitions and drop the old ones."""
        return dict(
            self._value("maintain_history(%(now)s, %(keep)s)", now=self._clock.now(), keep=keep)
        )

    def find_orphaned_workflows(self, after: str, limit: int) -> Json:
        """Search the live instances of the accounts that follow `after`."""
        call = "find_orphaned_workflows(%(after)s, %(limit)s)"
        return dict(self._value(call, after=after, limit=limit))

    def record_maintenance(self, report: Json) -> None:
        """Record the report of a pass."""
        self._value("record_maintenance(%(report)s::jsonb)", report=to_json(report))

    def engine_health(self) -> Json:
        """Return the figures of the health check."""
        return overview(self._value("engine_health(%(now)s)", now=self._clock.now()))

    def _value(self, call: str, **params: object) -> Any:  # noqa: ANN401  # whatever the function returns
        return self._database.value(call, params, repeatable=True)
