"""Migrations are applied once, in order, by one run at a time; anything else is refused."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2
import pytest

from flamebot.adapters.postgres.migrations import MigrationRefused, migrate
from tests.support.databases import Session

CATALOG = """
select 'column' as kind, table_name || '.' || column_name
    as name, data_type || coalesce(column_default, '') || is_nullable as what
  from information_schema.columns where table_schema = 'public'
      and table_name not like 'step\\_history\\_2%'
union all select 'index', indexname, indexdef from pg_indexes where schemaname = 'public'
    and tablename not like 'step\\_history\\_2%'
union all select 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
    from pg_constraint
  where connamespace = 'public'::regnamespace
      and conrelid::regclass::text not like 'step\\_history\\_2%'
union all select 'function', oid::regprocedure::text, md5(prosrc)
    || coalesce(array_to_string(proconfig, ','), '')
  from pg_proc where pronamespace = 'public'::regnamespace
union all select 'view', viewname, definition from pg_views where schemaname = 'public'
order by 1, 2
"""


@pytest.fixture
def own_sql(tmp_path: Path, sql_dir: Path) -> Path:
    """Return a copy of `sql/` that a test may change."""
    copy = tmp_path / "sql"
    shutil.copytree(sql_dir, copy)
    return copy


def catalog(url: str) -> list[tuple[object, ...]]:
    """Return everything in the schema as text."""
    session = Session(url)
    rows = [tuple(row.values()) for row in session.rows(CATALOG)]
    session.close()
    return rows


def run(url: str, sql: str) -> None:
    """Run one statement on a connection of its own."""
    session = Session(url)
    session.rows(sql)
    session.close()


def test_first_run_applies_everything_and_second_run_nothing(
    empty_database: str, sql_dir: Path
) -> None:
    """A second run finds nothing to do and changes nothing."""
    first = migrate(empty_database, sql_dir)
    after_first = catalog(empty_database)
    second = migrate(empty_database, sql_dir)
    assert first.migrations[0] == "0001_expand_tables"
    assert second.migrations == ()
    assert second.dropped == ()
    assert catalog(empty_database) == after_first


def test_changed_migration_is_refused(empty_database: str, own_sql: Path) -> None:
    """A migration that was edited after it was applied stops the run."""
    migrate(empty_database, own_sql)
    file = own_sql / "migrations" / "0001_expand_tables.sql"
    file.write_text(file.read_text() + "-- one more thought\n")
    with pytest.raises(
        MigrationRefused, match="0001_expand_tables was changed after it was applied"
    ):
        migrate(empty_database, own_sql)


def test_failed_migration_leaves_nothing(empty_database: str, own_sql: Path) -> None:
    """A migration that fails in its middle is not half there; once mended, it is applied."""
    migrate(empty_database, own_sql)
    file = own_sql / "migrations" / "9001_expand_more.sql"
    file.write_text("create table more (id int); select 1 / 0;")
    with pytest.raises(psycopg2.errors.DivisionByZero):
        migrate(empty_database, own_sql)
    assert not [row for row in catalog(empty_database) if str(row[1]).startswith("more")]
    file.write_text("create table more (id int);")
    assert migrate(empty_database, own_sql).migrations == ("9001_expand_more",)


def test_migration_that_cannot_be_remembered_is_not_applied(
    empty_database: str, own_sql: Path
) -> None:
    """A migration and its row are one transaction; otherwise it would be applied twice."""
    migrate(empty_database, own_sql)
    file = own_sql / "migrations" / "9001_expand_more.sql"
    file.write_text(
        "create table more (id int); alter table schema_migrations"
        " add constraint full_up check (name < '9') not valid;"
    )
    with pytest.raises(psycopg2.errors.CheckViolation):
        migrate(empty_database, own_sql)
    assert not [row for row in catalog(empty_database) if str(row[1]).startswith("more")]


def test_interrupted_migration_outside_a_transaction_is_refused(
    empty_database: str, own_sql: Path
) -> None:
    """An interrupted migration without a transaction is detected at the next run."""
    migrate(empty_database, own_sql)
    file = own_sql / "migrations" / "9001_expand_index.sql"
    file.write_text("-- outside a transaction\ncreate index concurrently more on nowhere (id);")
    with pytest.raises(psycopg2.errors.UndefinedTable):
        migrate(empty_database, own_sql)
    with pytest.raises(MigrationRefused, match="9001_expand_index was begun and never finished"):
        migrate(empty_database, own_sql)


def test_migration_outside_a_transaction_is_applied_once(
    empty_database: str, own_sql: Path
) -> None:
    """An index can be built without blocking writers."""
    (own_sql / "migrations" / "9001_expand_index.sql").write_text(
        "-- outside a transaction\ncreate index concurrently audit_log_actor on audit_log (actor);"
    )
    assert "9001_expand_index" in migrate(empty_database, own_sql).migrations
    assert migrate(empty_database, own_sql).migrations == ()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("0000_expand_early", "would come before"),
        ("0002_more", "is not named"),
        ("0001_expand_twin", "would come before|same number"),
    ],
)
def test_misplaced_migration_is_refused(
    empty_database: str, own_sql: Path, name: str, reason: str
) -> None:
    """A migration with a bad name, or one that comes too late for its number, is refused."""
    migrate(empty_database, own_sql)
    (own_sql / "migrations" / f"{name}.sql").write_text("select 1;")
    with pytest.raises(MigrationRefused, match=reason):
        migrate(empty_database, own_sql)


def test_database_newer_than_the_code_is_refused(empty_database: str, own_sql: Path) -> None:
    """Code that does not know an applied migration changes nothing."""
    (own_sql / "migrations" / "9001_expand_more.sql").write_text("create table more (id int);")
    migrate(empty_database, own_sql)
    (own_sql / "migrations" / "9001_expand_more.sql").unlink()
    with pytest.raises(MigrationRefused, match="older than the database"):
        migrate(empty_database, own_sql)


def test_changed_function_replaces_the_old_one(empty_database: str, own_sql: Path) -> None:
    """A function with new parameters or a new result replaces the older one.

    One without a file is dropped.
    """
    file = own_sql / "functions" / "a_function.sql"
    file.write_text(
        "create or replace function a_function(p_a int) returns int language sql as 'select 1'"
    )
    migrate(empty_database, own_sql)
    for changed in (
        "(p_a int) returns text language sql as 'select ''x'''",
        "(p_a text) returns text language sql as 'select p_a'",
    ):
        file.write_text(f"create or replace function a_function{changed}")
        migrate(empty_database, own_sql)
        assert (
            len([row for row in catalog(empty_database) if str(row[1]).startswith("a_function(")])
            == 1
        )
    file.unlink()
    assert migrate(empty_database, own_sql).dropped == ("a_function(text)",)


def test_changed_view_replaces_the_old_one(empty_database: str, own_sql: Path) -> None:
    """Views may lose columns and build upon each other in any order of names."""
    (own_sql / "views" / "a_view.sql").write_text("create view a_view as select one from b_view")
    (own_sql / "views" / "b_view.sql").write_text("create view b_view as select 1 as one, 2 as two")
    migrate(empty_database, own_sql)
    (own_sql / "views" / "b_view.sql").write_text("create view b_view as select 1 as one")
    migrate(empty_database, own_sql)
    (own_sql / "views" / "a_view.sql").unlink()
    assert "a_view" in migrate(empty_database, own_sql).dropped


def test_strangers_things_are_left_alone(empty_database: str, own_sql: Path) -> None:
    """Functions and views that this project did not make stay."""
    run(empty_database, "create function theirs() returns int language sql as 'select 1'")
    run(empty_database, "create view their_view as select 1 as one")
    migrate(empty_database, own_sql)
    migrate(empty_database, own_sql)
    names = {row[1] for row in catalog(empty_database)}
    assert {"theirs()", "their_view"} <= names


def test_fresh_schema_equals_migrated_schema(
    empty_database: str, migrated: str, postgres: object, own_sql: Path
) -> None:
    """A database that grew migration by migration ends up the same as a fresh one."""
    files = sorted((own_sql / "migrations").glob("*.sql"))
    later = [(file, file.read_text()) for file in files[1:]]
    for file, _ in later:
        file.unlink()
    folders = ("functions", "views", "comments")
    for folder in folders:
        shutil.move(own_sql / folder, own_sql / f"{folder}_later")
    roles = own_sql / "roles.sql"
    text = roles.read_text() if roles.exists() else ""
    roles.unlink(missing_ok=True)
    migrate(empty_database, own_sql)
    for file, content in later:
        file.write_text(content)
        migrate(empty_database, own_sql)
    for folder in folders:
        shutil.move(own_sql / f"{folder}_later", own_sql / folder)
    roles.write_text(text or "select 1")
    migrate(empty_database, own_sql)
    assert catalog(empty_database) == catalog(postgres.url(migrated))  # type: ignore[attr-defined]  # the fixture's Server


def test_concurrent_runs_take_turns(empty_database: str, sql_dir: Path) -> None:
    """Of four runs at once one applies the migrations and all succeed."""
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: migrate(empty_database, sql_dir), range(4)))
    assert sorted(bool(report.migrations) for report in reports) == [False, False, False, True]


def test_callers_connection_is_handed_back_open(empty_database: str, sql_dir: Path) -> None:
    """A connection that was passed in is used, not closed, and keeps its mode."""
    connection = psycopg2.connect(empty_database)
    migrate(connection, sql_dir)
    assert not connection.closed
    assert connection.autocommit is False
    connection.close()


def test_folder_without_migrations_is_refused(empty_database: str, tmp_path: Path) -> None:
    """A wrong folder is an error, not an empty database."""
    with pytest.raises(MigrationRefused, match="no folder migrations"):
        migrate(empty_database, tmp_path)
