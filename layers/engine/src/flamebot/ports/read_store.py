"""What whoever only looks asks of the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from flamebot.ports.engine_store import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of the items, and where the next ones begin."""

    items: list[Json]
    next_cursor: str | None


class ReadStore(Protocol):
    """The read side: views, never a lock. All rows snake_case."""

    def account(self, account_id: str) -> Json:
        """Without credentials. Raises `NotFound`."""
        ...

    def workflow(self, instance_id: str) -> Json:
        """Raises `NotFound`."""
        ...

    def workflows(self, filters: Mapping[str, Any], cursor: str | None, limit: int) -> Page:
        """Filters: status, type, account_id, step_id, error, due_before. Newest first."""
        ...

    def history(self, instance_id: str, cursor: str | None, limit: int) -> Page:
        """Oldest first. Raises `NotFound`."""
        ...

    def definitions(self) -> list[Json]:
        """Current versions, with instance counts by status."""
        ...

    def definition_version(self, workflow_type: str, version: int | None) -> Json:
        """One version, by default the current one. Raises `NotFound`."""
        ...

    def stats(self) -> Json:
        """Counts by status, execution statistics of the last 24 hours, lateness."""
        ...

    def due_histogram(self, minutes: int) -> list[Json]:
        """Waiting tasks per minute from now on."""
        ...

    def failed_tasks(self, cursor: str | None, limit: int) -> Page:
        """The last tasks of failed instances."""
        ...

    def health(self) -> Json:
        """What the database knows: last tick, oldest due age, backlog, expired leases, read-only or not."""
        ...
