"""A database in which a million instances sleep.

Rows are as the SQL functions leave them, but written directly; indexes are made afterwards.
"""

from __future__ import annotations

from tests.support.builders import a_definition, after
from tests.support.databases import TestDatabase

SLEEPERS = 1_000_000
LARGE = ("accounts", "workflow_instances", "scheduled_tasks", "step_history")
# Ids by hash: as scattered as those that the product draws, and the same every time.
_FILL = (
    """
insert into accounts (flamebot_id, model_id, channel_id, credentials_version, registered_version)
select 'sleeper-' || n, 'model-1', 'channel-1', n, n from generate_series(1, %(count)s) n""",
    """
insert into workflow_instances (id, account_id, workflow_id, total_steps, history_count,
    next_action_at, started_at, updated_at)
select md5(n::text)::uuid, 'sleeper-' || n, %(definition)s, 3, 1, %(now)s,
    %(now)s - n * interval '1 ms', %(now)s
  from generate_series(1, %(count)s) n""",
    """
insert into scheduled_tasks (task_id, workflow_instance_id, account_id, sequence, step_id, action,
    phase, scheduled_for, status, created_at)
select md5(n::text)::uuid || ':1', md5(n::text)::uuid, 'sleeper-' || n, 1, 'rest', 'wait', 'timer',
       %(now)s + (1 + random() * 100) * interval '1 day', 'pending', %(now)s
  from generate_series(1, %(count)s) n""",
    """
insert into step_history (instance_id, sequence, step_id, action, status, attempt, started_at,
    finished_at)
select md5(n::text)::uuid, 1, 'rest', 'wait', 'completed', 1, %(now)s, %(now)s
    from generate_series(1, %(count)s) n order by 1""",
)
_INDEXES = """
select i.indexrelid::regclass::text as index, pg_get_indexdef(i.indexrelid)
    as definition, i.indrelid::regclass::text as of,
       c.conname as constraint, pg_get_constraintdef(c.oid) as constraint_definition
  from pg_index i left join pg_constraint c on c.conindid = i.indexrelid and c.contype = 'p'
 where i.indrelid = any (%s::regclass[])
"""


def fill(database: TestDatabase, count: int = SLEEPERS) -> None:
    """Insert accounts, each with an instance whose task falls due within a hundred days.

    They are analysed while nothing is in flight.
    """
    today = database.value("select maintain_history(%s, interval '90 days')", (after(),))[
        "created"
    ][0]
    again = _dropped_indexes(database, [table for table in LARGE if table != "step_history"])
    values = {"definition": a_definition(database), "now": after(), "count": count}
    database.rows(
        "set maintenance_work_mem = '256MB'; set session_replication_role = replica"
    )  # no foreign key is checked
    for statement in _FILL:
        database.rows(statement, values)
    for statement in again:
        database.rows(statement)
    database.rows("reset session_replication_role")
    database.rows(f"vacuum analyze accounts, workflow_instances, scheduled_tasks, {today}")
    database.rows("analyze step_history")


def _dropped_indexes(database: TestDatabase, tables: list[str]) -> list[str]:
    """Drop what would be filled row by row; the statements that make it again."""
    again = []
    for row in database.rows(_INDEXES, (tables,)):
        if row["constraint"] is None:
            database.rows(f"drop index {row['index']}")
            again.append(row["definition"])
        else:
            database.rows(f"alter table {row['of']} drop constraint {row['constraint']}")
            again.append(
                f"alter table {row['of']}"
                f" add constraint {row['constraint']} {row['constraint_definition']}"
            )
    return again
