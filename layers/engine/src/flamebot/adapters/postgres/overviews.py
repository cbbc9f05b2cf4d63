"""Rows of the read side as Python holds them: ids are text, times are datetimes in UTC, also inside of JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flamebot.domain.errors import NotFound

_TIMES = frozenset(
    {
        "next_action_at", "started_at", "finished_at", "paused_at", "updated_at", "created_at", "scheduled_for", "lease_expires_at",
        "instance_started_at", "last_tick_at", "last_maintenance_at", "database_time", "minute",
    }
)  # fmt: skip
_NESTED = ("task",)


def overview(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a view, or the same row as a verb answers it in JSON."""
    told: dict[str, Any] = {
        name: _moment(value) if name in _TIMES else value for name, value in row.items()
    }
    for name in _NESTED:
        if isinstance(told.get(name), dict):
            told[name] = overview(told[name])
    return told


def instance_key(instance_id: str) -> str:
    """An instance's id as the database knows it. Raises `NotFound`: what is no UUID names no workflow."""
    try:
        return str(UUID(instance_id))
    except ValueError:
        raise NotFound("There is no such workflow.") from None


def first(rows: Iterable[Mapping[str, Any]], otherwise: str) -> dict[str, Any]:
    """The one row that was asked for. Raises `NotFound` with the sentence `otherwise`."""
    for row in rows:
        return overview(row)
    raise NotFound(otherwise)


def _moment(value: object) -> object:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.astimezone(UTC) if isinstance(value, datetime) else value
