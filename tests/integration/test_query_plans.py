"""The check of query plans finds scans of large tables and joins that discard rows."""

from __future__ import annotations

import pytest

from tests.support.databases import TestDatabase
from tests.support.query_plans import WatchedSession, discarding_joins, scanned

TABLES = """
create temp table many as select n as id, n % 100 as kind from generate_series(1, 5000) n;
create temp table few as select n as id from generate_series(1, 3) n;
alter table many add primary key (id);
analyze many, few;
create function pg_temp.counted(p_how text) returns bigint language plpgsql as $$
begin
    case p_how
        when 'key' then return (select m.kind from many m where m.id = 7);
        when 'scan' then return (select count(*) from many m where m.kind = 7);
        when 'pairs' then return (select count(*) from many m join many o on m.kind + o.kind < 3);
        when 'few' then return (select count(*) from many m join few f on f.id < m.kind
            where m.id < 5);
    end case;
end $$;
"""


@pytest.mark.parametrize(
    ("how", "scans", "joins"),
    [("key", [], 0), ("scan", ["many"], 0), ("pairs", ["many", "many"], 1), ("few", [], 0)],
    ids=str,
)
def test_scans_and_discarding_joins_are_found(
    database: TestDatabase, how: str, scans: list[str], joins: int
) -> None:
    """Scans and joins are found inside functions and with any constants.

    A small table is allowed.
    """
    watched = WatchedSession(database.session())
    watched.session.rows(TABLES)
    many = watched.session.value("select 'many'::regclass::oid::int8")
    watched.call(
        "select pg_temp.counted(%(how)s) as answer, '{SEQSCAN :scan.scanrelid (1' as odd",
        {"how": how},
    )
    tables = {many: "many"}
    assert [name for _, plan in watched.plans for name in scanned(plan, tables)] == scans
    assert sum(discarding_joins(plan, tables) for _, plan in watched.plans) == joins
    watched.session.close()
