"""Rows of the read side as Python values: ids are text, times are datetimes in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flamebot.domain.errors import NotFound

# Columns that hold times. Within a JSON result they are text, which `overview` parses.
_TIMES = frozenset(
    {
        "next_action_at", "started_at", "finished_at", "paused_at", "updated_at", "created_at",
        "scheduled_for", "lease_expires_at", "instance_started_at", "last_tick_at",
        "last_maintenance_at", "database_time", "minute", "since", "next_probe_at",
        "last_failure_at", "opened_at", "ended_at", "deferred_at",
    }
)  # fmt: skip
_NESTED = ("task",)


def overview(row: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a view's row, or the same row as a function returns it in JSON."""
    values: dict[str, Any] = {
        name: _moment(value) if name in _TIMES else value for name, value in row.items()
    }
    for name in _NESTED:
        if isinstance(values.get(name), dict):
            values[name] = overview(values[name])
    return values


def service_overview(service: Mapping[str, Any]) -> dict[str, Any]:
    """Convert what `service_state` returns."""
    openings = [overview(opening) for opening in service["openings"]]
    return {**overview(service), "openings": openings}


def instance_key(instance_id: str) -> str:
    """Return an instance's id as the database stores it.

    Raises:
        NotFound: the id is no UUID, so no workflow has it.
    """
    try:
        return str(UUID(instance_id))
    except ValueError:
        raise NotFound("There is no such workflow.") from None


def first(rows: Iterable[Mapping[str, Any]], missing: str) -> dict[str, Any]:
    """Return the first row. Raises `NotFound` with the detail `missing` if there is none."""
    for row in rows:
        return overview(row)
    raise NotFound(missing)


def _moment(value: object) -> object:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.astimezone(UTC) if isinstance(value, datetime) else value
