"""record_maintenance stores what a maintenance pass did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.support.databases import TestDatabase
from tests.support.stores import maintenance, reads


def test_a_pass_is_remembered_in_real_time(database: TestDatabase) -> None:
    """The health check gets its age in wall time, and what it found."""
    database.rows(
        "update engine_control set last_maintenance_at = last_maintenance_at - interval '1 day'"
    )
    maintenance(database).record_maintenance(
        {"after": "acct\u0000-7", "orphaned_workflows": 2, "failed": ["history"]}
    )
    health = reads(database).engine_health()
    assert health["last_maintenance"] == {
        "after": "acct\ufffd-7",
        "orphaned_workflows": 2,
        "failed": ["history"],
    }
    assert 0 <= health["last_maintenance_age_seconds"] < 30
    assert abs(datetime.now(UTC) - health["last_maintenance_at"]) < timedelta(seconds=30)  # noqa: TID251  # wall time


def test_a_new_database_waits_for_its_first_pass(database: TestDatabase) -> None:
    """The age counts from the migration.

    A schedule that never fires is noticed, and a new engine is healthy.
    """
    health = reads(database).engine_health()
    assert health["last_maintenance"] == {}
    assert 0 <= health["last_maintenance_age_seconds"] < 600
