"""Control: a compromised function can do its own work with the database and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from devstack.postgres import Server
from flamebot.adapters.postgres.migrations import migrate
from tests.integration.test_roles import READERS, RIGHTS
from tests.support import databases
from tests.support.databases import PASSWORD, Session, TestDatabase, execute

FUNCTIONS = (
    "select p.proname as name,"
    " string_agg('null::' || format_type(t.oid, null), ', ' order by a.ord) as arguments"
    " from pg_proc p left join lateral unnest(p.proargtypes) with ordinality a(oid, ord) on true"
    " left join pg_type t on t.oid = a.oid"
    " where p.pronamespace = 'public'::regnamespace and p.prokind = 'f'"
    " and p.prorettype <> 'trigger'::regtype group by p.oid, p.proname"
)
RELATIONS = """
    select relname as name, relkind as kind from pg_class
     where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'S')"""
SYSTEM = (
    "copy accounts to stdout",
    "copy (select 1) to program 'id'",
    "copy accounts from program 'id'",
    "select pg_read_file('/etc/passwd')",
    "select pg_ls_dir('/')",
    "select lo_import('/etc/passwd')",
    "select lo_export(1, '/tmp/x')",
    "create extension dblink",
    "create extension file_fdw",
    "create language plpython3u",
    "create role mallory superuser",
    "alter role current_user bypassrls",
    "grant flamebot_api to current_user",
    "create schema mine",
    "create database mine",
    "alter system set log_statement = 'all'",
    "select pg_reload_conf()",
    "set session authorization postgres",
    "alter function begin_tasks owner to current_user",
    "select * from pg_authid",
    "select * from pg_shadow",
    "set log_parameter_max_length = -1",
)
REFUSALS = (
    psycopg2.errors.InsufficientPrivilege,
    psycopg2.errors.UndefinedObject,
    psycopg2.errors.WrongObjectType,
)


@pytest.fixture(scope="module")
def deployed(postgres: Server, sql_dir: Path) -> Iterator[TestDatabase]:
    """A database that was migrated itself.

    A copy of one has its rights and not its roles' settings.
    """
    name = databases.create(postgres)
    migrate(postgres.url(name), sql_dir)
    one = TestDatabase(postgres, name)
    yield one
    one.close()
    databases.drop(postgres, name)


@pytest.fixture(params=sorted(RIGHTS))
def role(request: pytest.FixtureRequest) -> str:
    """Each database role of a function."""
    return str(request.param)


@pytest.fixture
def session(role: str, postgres: Server, deployed: TestDatabase) -> Iterator[Session]:
    """A database session of that role."""
    execute(postgres.url(), f"alter role {role} password '{PASSWORD}'")
    one = Session(postgres.url(deployed.name, user=role, password=PASSWORD))
    yield one
    one.close()


def test_no_sql_function_of_another_role_runs(
    session: Session, deployed: TestDatabase, role: str
) -> None:
    """S18: no SQL function of another role can be called; its own can."""
    tried = 0
    for row in deployed.rows(FUNCTIONS):
        statement = f"select {row['name']}({row['arguments'] or ''})"
        if row["name"] in RIGHTS[role]:
            continue
        tried += 1
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            session.rows(statement)
    assert tried > 20


def test_no_table_is_read_or_written(session: Session, deployed: TestDatabase, role: str) -> None:
    """S18: no role reads, writes, alters or drops a table, view or sequence beyond its rights."""
    relations = deployed.rows(RELATIONS)
    tried = 0
    for name, kind in ((row["name"], row["kind"]) for row in relations):
        match kind:
            case "S":
                statements = [
                    f"select nextval('{name}')",
                    f"select setval('{name}', 1)",
                    f"select * from {name}",
                    f"drop sequence {name}",
                ]
            # writing through views is checked as rights in test_roles: Postgres refuses most of it
            # for their shape
            case "v":
                statements = [f"drop view {name}"] + (
                    [] if role in READERS else [f"select 1 from {name}"]
                )
            case _:
                statements = [
                    f"select 1 from {name}",
                    f"insert into {name} default values",
                    f"delete from {name}",
                    f"truncate {name}",
                ]
                statements += [f"alter table {name} add column mine int", f"drop table {name}"]
                if (role, name) == (
                    "flamebot_import_file",
                    "import_staging",
                ):  # this role may insert here and not read
                    statements.remove(f"insert into {name} default values")
        for statement in statements:
            tried += 1
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                session.rows(statement)
    assert tried > 80


@pytest.mark.parametrize("statement", SYSTEM)
def test_the_server_itself_is_out_of_reach(session: Session, statement: str) -> None:
    """No file, program, other role, extension or server setting is accessible."""
    with pytest.raises(
        (
            *REFUSALS,
            psycopg2.errors.FeatureNotSupported,
            psycopg2.errors.InvalidParameterValue,
            psycopg2.ProgrammingError,
        )
    ) as caught:
        session.rows(statement)
    assert not isinstance(caught.value, psycopg2.errors.SyntaxError), caught.value
