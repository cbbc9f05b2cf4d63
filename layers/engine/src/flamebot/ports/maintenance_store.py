"""The store of the maintenance pass: each call is one small batch."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from flamebot.ports.engine_store import Json


class MaintenanceStore(Protocol):
    """What the maintenance pass deletes, searches and records."""

    def delete_finished_tasks(self, older_than: timedelta, limit: int) -> int:
        """Delete task rows that finished longer ago (schedule time); return how many.

        The last task of a failed instance stays: retry needs it.
        """
        ...

    def delete_expired_locks(self) -> int:
        """Delete expired rows of `workflow_locks`; return how many."""
        ...

    def delete_old_requests(self) -> int:
        """Delete remembered requests older than 24 hours (wall time); return how many."""
        ...

    def delete_old_calls(self) -> int:
        """Delete old counts of calls to services and old openings, and return how many rows."""
        ...

    def maintain_history(self, keep: timedelta) -> Json:
        """Create the coming days' partitions, drop those older than `keep` (schedule time).

        Returns:
            `created` and `dropped` partitions by name, `deleted` rows of the default partition.
        """
        ...

    def find_orphaned_workflows(self, after: str, limit: int) -> Json:
        """Search the live instances of the `limit` accounts that follow `after` (I2).

        Returns:
            `checked` and `orphaned` instances, up to 20 `ids`, and the `last` account, None when
            there are no more.
        """
        ...

    def record_maintenance(self, report: Json) -> None:
        """Record the report of a pass, for the health check."""
        ...

    def engine_health(self) -> Json:
        """Return the figures of the health check."""
        ...
