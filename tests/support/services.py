"""The services in the database of a test: their breakers, and calls that are counted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flamebot.adapters.postgres.call_counts import call_count_json
from flamebot.adapters.postgres.rows import to_json
from flamebot.domain.service_call import CallCount, CallEnd, Service
from tests.support.builders import NOON, Asker
from tests.support.databases import Row

ACTIONS = Service.ACTIONS


def service(db: Asker, name: Service = ACTIONS) -> Row:
    """Return the row of a service."""
    return db.one("select * from services where name = %s", (name.value,))


def record(
    db: Asker,
    *,
    now: datetime = NOON,
    name: Service = ACTIONS,
    generation: int | None = None,
    failure: str | None = None,
    retry_after: Any = None,
    stubborn: Mapping[str, int] | None = None,
    ends: Mapping[str, int] | None = None,
    **more: int,
) -> Row:
    """Count calls that began under the present generation, and return the service's row."""
    count = CallCount(
        service=name,
        generation=service(db, name)["generation"] if generation is None else generation,
        ends={CallEnd(end): number for end, number in {**(ends or {}), **more}.items()},
        failure=failure,
        retry_after=retry_after,
        stubborn={CallEnd(end): number for end, number in (stubborn or {}).items()},
    )
    db.rows("select record_calls(%s::jsonb, %s)", (to_json([call_count_json(count)]), now))
    return service(db, name)


def opened(db: Asker, *, now: datetime = NOON, name: Service = ACTIONS) -> Row:
    """Let a service fail until its breaker is open, and return its row."""
    row = record(db, now=now, name=name, unknown=3, failure="outcome_unknown: no response")
    assert row["state"] == "open"
    return row


def half_opened(db: Asker, *, now: datetime = NOON, name: Service = ACTIONS) -> Row:
    """Let a breaker open, and a probe be answered, and return the service's row."""
    opened(db, now=now, name=name)
    row = record(db, now=now, name=name, answered=1)
    assert row["state"] == "half_open"
    return row
