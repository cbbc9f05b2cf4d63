"""A plan is kept as long as its connection (docs/adr/0012).

A plan that was made for empty tables must suit full ones.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devstack.postgres import Server
from tests.integration.test_plans import make_due, work
from tests.support import databases
from tests.support.builders import (
    HORIZON,
    LEASE,
    a_decision,
    a_definition,
    a_poll,
    after,
    begin,
    commit,
    reclaim,
)
from tests.support.databases import TestDatabase

SLEEPERS = 5000
BATCH = 100
GROW = """
insert into accounts (flamebot_id, model_id, channel_id, credentials_version)
select 'sleeper-' || n, 'm', 'c', 1 from generate_series(1, %(count)s) n;
insert into workflow_instances (id, account_id, workflow_id, total_steps, started_at, updated_at)
select gen_random_uuid(), 'sleeper-' || n, %(definition)s, 3, %(now)s, %(now)s
    from generate_series(1, %(count)s) n;
insert into scheduled_tasks (task_id, workflow_instance_id, account_id, sequence, step_id, action,
    phase, scheduled_for, status, created_at)
select i.id || ':1', i.id, i.account_id, 1, 'rest', 'wait', 'timer', %(now)s + (1 + random() * 100)
    * interval '1 day', 'pending', %(now)s
  from workflow_instances i;
"""


@pytest.fixture
def grown(postgres: Server, migrated: str) -> Iterator[TestDatabase]:
    """Return a database that grew after its session had called each hot function.

    Its statistics are old.
    """
    name = databases.create(postgres, migrated)
    database = TestDatabase(postgres, name)
    for _ in range(6):  # from the sixth call on Postgres may keep a plan
        assert (
            database.rows(
                "select * from claim_due_tasks(%s, %s, 10, %s, 1)", (after(), HORIZON, LEASE)
            )
            == []
        )
        assert begin(database, "none:1", fences=[1], now=after()) == []
        assert (
            commit(
                database,
                ("none:1", 1, a_decision(next_task=a_poll(at=after(hours=1)))),
                now=after(),
            )
            == []
        )
        assert reclaim(database) == []
    database.rows(GROW, {"definition": a_definition(database), "now": after(), "count": SLEEPERS})
    make_due(database, BATCH)
    yield database
    database.close()
    databases.drop(postgres, name)


def test_plans_of_empty_tables_scan_no_table_that_has_grown(grown: TestDatabase) -> None:
    """Claim, begin, commit and reclaim still read the rows of their batch and no other."""
    grown.main.begin()
    try:
        seen = work(grown)
        claimed = grown.rows(
            "select * from claim_due_tasks(%s, %s, %s, %s, 1)", (after(), HORIZON, BATCH, LEASE)
        )
        begun = begin(
            grown,
            *[row["task_id"] for row in claimed],
            fences=[row["fence"] for row in claimed],
            now=after(),
        )
        items = [
            (row["task_id"], row["fence"], a_decision(next_task=a_poll(at=after(hours=1))))
            for row in begun
        ]
        assert len(commit(grown, *items, now=after())) == BATCH
        assert reclaim(grown) == []
        done = work(grown, seen)
        assert done["seq_scans"] == 0
        assert done["rows_fetched"] <= 30 * BATCH
    finally:
        grown.main.rollback()
