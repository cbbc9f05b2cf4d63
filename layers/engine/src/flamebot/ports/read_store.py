"""The read side of the store: views and reading functions, no locks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from flamebot.ports.engine_store import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a list. `next_cursor` is None on the last page."""

    items: list[Json]
    next_cursor: str | None


class ReadStore(Protocol):
    """What the API reads. Keys are column names in snake_case."""

    def account(self, account_id: str) -> Json:
        """Return an account without its credentials. Raises `NotFound`."""
        ...

    def workflow(self, instance_id: str) -> Json:
        """Return an instance with its latest task. Raises `NotFound`."""
        ...

    def workflows(self, filters: Mapping[str, Any], cursor: str | None, limit: int) -> Page:
        """Return a page of instances, newest first.

        Args:
            filters: Any of status, type, account_id, step_id, error, error_code, due_before,
                updated_after, updated_before.
            cursor: The `next_cursor` of the page before.
            limit: The largest number of items.
        """
        ...

    def history(self, instance_id: str, cursor: str | None, limit: int) -> Page:
        """Return a page of an instance's history, oldest first. Raises `NotFound`."""
        ...

    def definitions(self) -> list[Json]:
        """Return the current versions, each with its type's instances by status."""
        ...

    def definition_version(self, workflow_type: str, version: int | None) -> Json:
        """Return one version, by default the current one. Raises `NotFound`."""
        ...

    def failed_tasks(self, cursor: str | None, limit: int) -> Page:
        """Return a page of the last tasks of failed instances, newest instance first."""
        ...

    def engine_stats(self) -> Json:
        """Return counts by status, step statistics of the last 24 hours, and lateness."""
        ...

    def service_state(self, name: str) -> Json:
        """Return a service: the state of its breaker, its calls, its openings."""
        ...

    def due_histogram(self, minutes: int) -> list[Json]:
        """Return the number of waiting tasks for each minute from now on."""
        ...

    def engine_health(self) -> Json:
        """Return the figures of the health check."""
        ...
