"""sql/schema.sql is what the migrations make, and the database explains itself."""

from __future__ import annotations

import re

from devstack.schema import SCHEMA, render
from tests.support.databases import TestDatabase

FUNCTIONS = SCHEMA.parent / "functions"
TABLES = r"""
select c.oid, c.relname from pg_class c
 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
   and c.relname !~ '_\d{8}$'
"""
PARTS = ("Entered by", "Left by", "Cleaned up by")
# Words with an underscore that are not SQL functions.
COLUMNS = {"scheduled_for", "held_at", "last_error"}


def test_the_schema_on_one_page_is_fresh(database: TestDatabase) -> None:
    """`make schema` would not change the file."""
    with database.main.connection.cursor() as cursor:
        assert render(cursor, SCHEMA.parent / "views") == SCHEMA.read_text(), "run `make schema`"


def test_each_table_and_each_column_is_explained(database: TestDatabase) -> None:
    """Each has a comment that ends like a sentence."""
    comments = database.rows(
        f"""
        select t.relname as table, null as column, obj_description(t.oid, 'pg_class') as comment
          from ({TABLES}) t
        union all
        select t.relname, a.attname, col_description(a.attrelid, a.attnum)
          from ({TABLES}) t
          join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
         where not exists (select from pg_inherits i where i.inhrelid = t.oid)
        """
    )
    assert len(comments) > 150
    unexplained = [row for row in comments if not str(row["comment"]).endswith((".", "}."))]
    assert unexplained == []


def _statuses(database: TestDatabase) -> list[tuple[str, str, str]]:
    """Return each status of each table with the comment of its column."""
    rows = database.rows(
        f"""
        select t.relname, col_description(a.attrelid, a.attnum) as comment,
               pg_get_constraintdef(c.oid) as definition
          from ({TABLES}) t
          join pg_attribute a on a.attrelid = t.oid and a.attname = 'status'
          join pg_constraint c
            on c.conrelid = t.oid and c.contype = 'c' and c.conkey = array[a.attnum]
           and c.conname = t.relname || '_status_check'
         where not exists (select from pg_inherits i where i.inhrelid = t.oid)
        """
    )
    return [
        (row["relname"], status, row["comment"])
        for row in rows
        for status in re.findall(r"'(\w+)'", row["definition"])
    ]


def test_each_status_is_explained(database: TestDatabase) -> None:
    """Each status says what it means, what enters it, what leaves it and what cleans it up."""
    statuses = _statuses(database)
    assert {table for table, *_ in statuses} == {
        "accounts",
        "workflow_instances",
        "scheduled_tasks",
        "step_history",
        "imports",
    }
    for table, status, comment in statuses:
        parts = re.split(r"^(?=\w+: )", comment, flags=re.MULTILINE)
        (part,) = [text for text in parts if text.startswith(f"{status}: ")]
        labels = re.findall(r"^  ([A-Z][a-z ]+): \S", part, flags=re.MULTILINE)
        assert tuple(labels) == PARTS, (table, status)


def test_the_functions_of_a_status_exist(database: TestDatabase) -> None:
    """A function that was renamed is renamed in the comments, too."""
    for table, _, comment in _statuses(database):
        named = set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", comment)) - COLUMNS
        missing = {name for name in named if not (FUNCTIONS / f"{name}.sql").exists()}
        assert not missing, table
