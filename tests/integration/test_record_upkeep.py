"""record_upkeep: what a pass left behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.databases import TestDatabase
from tests.stores import reads, upkeep


def test_a_pass_is_remembered_in_real_time(database: TestDatabase) -> None:
    """The health check asks how long ago it was, whatever the schedule clock says, and what it found."""
    database.rows("update engine_control set last_upkeep_at = last_upkeep_at - interval '1 day'")
    upkeep(database).record_upkeep({"after": "acct\u0000-7", "lost_workflows": 2, "failed": ["history"]})
    told = reads(database).health()
    assert told["last_upkeep"] == {"after": "acct\ufffd-7", "lost_workflows": 2, "failed": ["history"]}
    assert 0 <= told["last_upkeep_age_seconds"] < 30
    assert abs(datetime.now(UTC) - told["last_upkeep_at"]) < timedelta(seconds=30)  # noqa: TID251  # real time


def test_a_new_database_waits_for_its_first_pass(database: TestDatabase) -> None:
    """Counted from its migration: a rule that never fires is found out, and a fresh deployment is not ill."""
    told = reads(database).health()
    assert told["last_upkeep"] == {}
    assert 0 <= told["last_upkeep_age_seconds"] < 600
