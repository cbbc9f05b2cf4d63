"""A database like production's, with a clock that shows the time set before each statement.

The SQL functions are unchanged: they find `clock_timestamp` in the schema `sim` before Postgres'
own.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import psycopg2

from devstack.postgres import Server
from flamebot.adapters.postgres.migrations import migrate
from tests.support.databases import create, execute
from verification.simulation.scheduler import START

ROLES = (
    "flamebot_import",
    "flamebot_api",
    "flamebot_tick",
    "flamebot_step",
    "flamebot_maintenance",
)
# the date for which maintain_history makes its first tables
PATH = "public, sim, pg_catalog, pg_temp"
_CLOCK = f"""
create schema sim;
create function sim.clock_timestamp() returns timestamptz language sql volatile
  as $$ select current_setting('sim.now')::timestamptz $$;
grant usage on schema sim to public;
grant execute on function sim.clock_timestamp() to public;
do $$
declare
    r record;
begin
    for r in select p.oid::regprocedure as name from pg_proc p
              where p.pronamespace = 'public'::regnamespace and p.proconfig is not null loop
        execute format('alter function %s set search_path = {PATH}', r.name);
    end loop;
    if exists (select 1 from pg_proc p
                where p.pronamespace = 'public'::regnamespace and p.proconfig is null
                  and p.prosrc ~ 'clock_timestamp')
       or exists (select 1 from pg_views v
                   where v.schemaname = 'public'
                     and v.definition ~ 'clock_timestamp|now\\(\\)') then
        raise exception 'something reads the real clock';
    end if;
    for r in select c.oid::regclass as owner, a.attname as name
               from pg_attrdef d join pg_class c on c.oid = d.adrelid
                join pg_attribute a on a.attrelid = c.oid and a.attnum = d.adnum
              where c.relnamespace = 'public'::regnamespace
                 and pg_get_expr(d.adbin, d.adrelid) ~ 'clock_timestamp' loop
        execute format('alter table %s alter column %I set default sim.clock_timestamp()',
                       r.owner, r.name);
    end loop;
end $$;
"""


def make_database(server: Server, sql_dir: Path) -> str:
    """Create and migrate a database, install its virtual clock, and return its name."""
    name = create(server)
    url = server.url(name)
    migrate(url, sql_dir)
    execute(url, _CLOCK)
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "select set_config('sim.now', %s, false), maintain_history(%s, '90 days')",
                (START.isoformat(), START),
            )
            cursor.execute(
                "select set_config('sim.now', %s, false)",
                ((START + timedelta(days=1)).isoformat(),),
            )
    finally:
        connection.close()
    return name
