"""The whole content of a database, to show that nothing was changed."""

from __future__ import annotations

from tests.support.databases import TestDatabase

_TABLES = """
    select relname as name from pg_class
     where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition"""


def everything(database: TestDatabase) -> dict[str, list[str]]:
    """Return every row of every table as text."""
    names = sorted(row["name"] for row in database.rows(_TABLES))
    return {
        name: sorted(row["text"] for row in database.rows(f"select t::text as text from {name} t"))
        for name in names
    }
