"""What the periodic pass asks of the store."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from flamebot.ports.engine_store import Json


class MaintenanceStore(Protocol):
    """The periodic pass, each call one small batch."""

    def delete_finished_tasks(self, older_than: timedelta, limit: int) -> int:
        """Finished task rows of finished age; the last task of a failed instance stays, retry needs it."""
        ...

    def delete_expired_locks(self) -> int:
        """Rows of `workflow_locks`."""
        ...

    def delete_old_requests(self) -> int:
        """Remembered requests older than 24 hours (wall time)."""
        ...

    def maintain_history(self, keep: timedelta) -> Json:
        """Make the coming days' partitions, drop the old ones. `{created, dropped}`."""
        ...

    def find_orphaned_workflows(self, after: str, limit: int) -> Json:
        """Look at the live workflows of the accounts after this one: `{checked, last, lost, ids}`; `last` None: that was all."""
        ...

    def record_maintenance(self, report: Json) -> None:
        """Remember the pass, for the health check."""
        ...
