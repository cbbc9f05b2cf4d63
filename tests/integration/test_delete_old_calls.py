"""delete_old_calls deletes counts after an hour, and openings 90 days after their end."""

from __future__ import annotations

from tests.support.builders import after
from tests.support.databases import TestDatabase
from tests.support.services import half_opened, opened, record


def delete(db: TestDatabase, **age: float) -> int:
    """Call delete_old_calls at a later time."""
    return int(db.value("select delete_old_calls(%s)", (after(**age),)))


def test_counts_are_kept_for_an_hour(database: TestDatabase) -> None:
    """A count that is younger stays."""
    record(database, answered=1)
    record(database, now=after(minutes=30), answered=1)
    assert delete(database, minutes=59) == 0
    assert delete(database, minutes=61) == 1
    assert len(database.rows("select 1 from service_calls")) == 1


def test_openings_are_kept_for_ninety_days(database: TestDatabase) -> None:
    """An opening that lasts stays, however old it is."""
    half_opened(database)
    opened(database, now=after(minutes=1))
    assert delete(database, days=89) > 0
    assert len(database.rows("select 1 from service_openings")) == 2
    assert delete(database, days=91) == 1
    (row,) = database.rows("select ended_at from service_openings")
    assert row["ended_at"] is None
