"""maintain_history creates partitions for the days to come, drops old ones and blocks no commit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from devstack.postgres import Server
from tests.support import databases
from tests.support.databases import TestDatabase
from tests.support.stores import maintenance

DAY = timedelta(days=1)
THEN = datetime(
    2031, 5, 10, 23, 30, tzinfo=UTC
)  # of a year for which the migration made no partitions
KEEP = timedelta(days=30)


@pytest.fixture
def database(postgres: Server, migrated: str) -> Iterator[TestDatabase]:
    """Return a database of the test's own, because partitions change."""
    fresh = TestDatabase(postgres, databases.create(postgres, migrated))
    yield fresh
    fresh.close()
    databases.drop(postgres, fresh.name)


def partitions(database: TestDatabase) -> list[str]:
    """Return the days of that year that have a partition."""
    rows = database.rows(
        "select relname from pg_class where relname ~ '^step_history_2031' and relkind = 'r'"
        " order by 1"
    )
    return [row["relname"].removeprefix("step_history_") for row in rows]


def write(database: TestDatabase, at: datetime) -> str:
    """Insert a history row that finished then; return the table that stores it."""
    return str(
        database.value(
            "insert into step_history (instance_id, sequence, step_id, action, status, attempt,"
            " started_at, finished_at)"
            " values (%s, 1, 's', 'wait', 'completed', 1, %s, %s)"
            " returning tableoid::regclass::text",
            (str(uuid4()), at, at),
        )
    )


def test_today_and_seven_days_to_come_have_a_partition(database: TestDatabase) -> None:
    """Days are in UTC, in any time zone of the session."""
    database.rows("set timezone = 'Pacific/Auckland'")
    report = maintenance(database, THEN).maintain_history(KEEP)
    assert report["created"] == [f"step_history_203105{day}" for day in range(10, 18)]
    assert write(database, THEN) == "step_history_20310510"
    assert write(database, datetime(2031, 5, 17, 23, 59, 59, tzinfo=UTC)) == "step_history_20310517"
    assert write(database, datetime(2031, 5, 18, tzinfo=UTC)) == "step_history_rest"


def test_a_second_pass_finds_nothing_to_do(database: TestDatabase) -> None:
    """A second pass changes nothing; the next day's pass creates one partition."""
    maintenance(database, THEN).maintain_history(KEEP)
    assert maintenance(database, THEN).maintain_history(KEEP) == {
        "created": [],
        "dropped": [],
        "deleted": 0,
    }
    assert maintenance(database, THEN + DAY).maintain_history(KEEP)["created"] == [
        "step_history_20310518"
    ]


def test_a_day_is_dropped_once_every_row_of_it_may_go(database: TestDatabase) -> None:
    """A partition is dropped once its last moment is older than the limit, not earlier."""
    maintenance(database, THEN).maintain_history(KEEP)
    last = datetime(2031, 5, 11, tzinfo=UTC) + KEEP
    assert "20310510" in partitions(database)
    assert (
        maintenance(database, last - timedelta(microseconds=1)).maintain_history(KEEP)["dropped"]
        == []
    )
    assert maintenance(database, last).maintain_history(KEEP)["dropped"] == [
        "step_history_20310510"
    ]
    assert "20310510" not in partitions(database)


def test_rows_that_came_before_their_partition_do_not_stand_in_the_way(
    database: TestDatabase,
) -> None:
    """Rows of a day without a partition stay in the default partition; other days get theirs."""
    assert write(database, THEN) == "step_history_rest"
    report = maintenance(database, THEN).maintain_history(KEEP)
    assert report["created"] == [f"step_history_203105{day}" for day in range(11, 18)]
    assert write(database, THEN) == "step_history_rest"


def test_old_rows_go_from_the_default_partition_too(database: TestDatabase) -> None:
    """Rows of the default partition that are older than the limit are deleted."""
    write(database, THEN)
    write(database, THEN + DAY)
    assert maintenance(database, THEN + KEEP).maintain_history(KEEP)["deleted"] == 0
    assert (
        maintenance(database, THEN + KEEP + timedelta(seconds=1)).maintain_history(KEEP)["deleted"]
        == 1
    )
    assert database.value("select count(*) from step_history_rest") == 1


@pytest.mark.race
def test_a_busy_history_is_left_for_the_next_pass(database: TestDatabase) -> None:
    """A pass waits at most a second for a lock, and commits do not fail."""
    maintenance(database, THEN).maintain_history(KEEP)
    reader = database.session()
    reader.begin()
    reader.rows("select count(*) from step_history")
    report = maintenance(database, THEN + KEEP + 3 * DAY).maintain_history(KEEP)
    assert report["dropped"] == []
    reader.commit()
    assert len(maintenance(database, THEN + KEEP + 3 * DAY).maintain_history(KEEP)["dropped"]) == 3


@pytest.mark.race
def test_two_passes_at_once_do_not_meet(database: TestDatabase) -> None:
    """Of two passes at once the second does nothing."""
    one = database.session()
    one.begin()
    one.rows("select maintain_history(%s, %s)", (THEN, KEEP))
    assert maintenance(database, THEN).maintain_history(KEEP) == {
        "created": [],
        "dropped": [],
        "deleted": 0,
    }
    one.commit()
    assert len(partitions(database)) == 8


def test_the_migration_made_the_first_partitions(database: TestDatabase) -> None:
    """After the migration today's history has a partition."""
    assert (
        write(database, datetime.fromisoformat(str(database.value("select clock_timestamp()"))))
        != "step_history_rest"
    )
