"""record_tick stores the last tick and its counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flamebot.adapters.postgres.engine_store import PostgresEngineStore
from tests.support.databases import TestDatabase


def test_tick_is_remembered_in_real_time(
    database: TestDatabase, store: PostgresEngineStore
) -> None:
    """The health check gets the age of the last tick in wall time."""
    store.record_tick(claimed=3, sent=2, seconds=0.25)
    row = database.one("select last_tick_at, last_tick from engine_control")
    assert row["last_tick"] == {"claimed": 3, "sent": 2, "seconds": 0.25}
    assert abs(datetime.now(UTC) - row["last_tick_at"]) < timedelta(seconds=10)  # noqa: TID251  # wall time
