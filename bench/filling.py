"""Fills the product's tables by the million with rows as the SQL functions would leave them."""

from __future__ import annotations

from bench.database import Session
from bench.engine import Engine
from bench.workload import publish

REST = {
    "type": "rest",
    "name": "Rest",
    "description": "",
    "config": {},
    "steps": [{"id": "rest", "action": "wait", "delay": "1d"}],
}
_HOT = ("scheduled_tasks", "workflow_instances")
_BULK = 200_000  # from so many rows on, indexes are dropped and rebuilt
_PART = 1_000_000
_FILL = """
with made as materialized (
    select gen_random_uuid() as id, n
      from generate_series(%(first)s::bigint, %(last)s::bigint) n),
instances as (
    insert into workflow_instances (id, account_id, workflow_id, total_steps, account_data,
                                    next_action_at, started_at, updated_at)
    select m.id, %(prefix)s || m.n, %(definition)s, 1,
           jsonb_build_object('account_id', %(prefix)s || m.n, 'model_id', 'model-1',
                              'channel_id', 'channel-1', 'config', '{}'::jsonb),
           now() + interval '1 day', now(), now() from made m)
insert into scheduled_tasks (task_id, workflow_instance_id, account_id, sequence, step_id, action,
                             phase, scheduled_for, status, payload, created_at)
select m.id || ':1', m.id, %(prefix)s || m.n, 1, 'rest', 'wait', 'timer',
       now() + %(from)s + random() * (%(to)s - %(from)s), 'pending',
       '{"started_at": "2026-01-01T00:00:00+00:00"}', now()
  from made m
"""


def rest_definition(engine: Engine, session: Session) -> int:
    """Publish the definition of the sleepers; return its id."""
    publish(engine, REST)
    return int(
        session.value(
            "select id from workflow_definitions where type = 'rest' order by version desc limit 1"
        )
    )


def fill(
    session: Session, definition: int, count: int, *, prefix: str, soonest: str, latest: str
) -> None:
    """Insert waiting instances that are due at random between two intervals from now.

    Their accounts have no rows.
    """
    indexes = _drop_indexes(session) if count >= _BULK else []
    for first in range(1, count + 1, _PART):
        last = min(first + _PART - 1, count)
        values = {"first": first, "last": last, "prefix": prefix, "definition": definition}
        session.rows(
            _FILL.replace("%(from)s", f"interval '{soonest}'").replace(
                "%(to)s", f"interval '{latest}'"
            ),
            values,
        )
    if indexes:
        session.rows("set maintenance_work_mem = '1GB'")
    for statement in indexes:
        session.rows(statement)


def _drop_indexes(session: Session) -> list[str]:
    """Drop the indexes that would be filled row by row; return the statements that rebuild them."""
    found = session.rows(
        "select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid),"
        " i.indrelid::regclass::text, c.conname, pg_get_constraintdef(c.oid)"
        " from pg_index i"
        " left join pg_constraint c on c.conindid = i.indexrelid and c.contype = 'p'"
        " where i.indrelid::regclass::text = any (%s)",
        (list(_HOT),),
    )
    again = []
    for index, definition, table, constraint, constraint_definition in found:
        if constraint is None:
            session.rows(f"drop index {index}")
            again.append(definition)
        else:
            session.rows(f"alter table {table} drop constraint {constraint}")
            again.append(f"alter table {table} add constraint {constraint} {constraint_definition}")
    return again
