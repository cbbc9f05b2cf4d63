"""Fixtures of every suite in tests/ and verification/.

One embedded Postgres per test session (per xdist worker), with an empty, migrated database per
test.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.postgres import Server, embedded_postgres
from flamebot.adapters.postgres.migrations import migrate
from tests.support import databases
from tests.support.databases import DatabasePool, TestDatabase

ROOT = Path(__file__).resolve().parent
SQL = ROOT / "sql"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A real Postgres for the length of the session, without durability."""
    with embedded_postgres(
        durable=False,
        options={"max_connections": "60", "shared_buffers": "64MB", "autovacuum": "off"},
    ) as server:
        yield server


@pytest.fixture(scope="session")
def sql_dir() -> Path:
    """The folder `sql/` of this checkout."""
    return SQL


@pytest.fixture(scope="session")
def migrated(postgres: Server, sql_dir: Path) -> str:
    """The name of a migrated database without connections: the template of all others."""
    name = databases.create(postgres)
    migrate(postgres.url(name), sql_dir)
    return name


@pytest.fixture(scope="session")
def database_pool(postgres: Server, migrated: str) -> DatabasePool:
    """The databases of the session."""
    return DatabasePool(postgres, migrated)


@pytest.fixture
def database(database_pool: DatabasePool) -> Iterator[TestDatabase]:
    """A migrated, empty database for one test."""
    mine = database_pool.take()
    yield mine
    database_pool.give_back(mine)


@pytest.fixture
def empty_database(postgres: Server) -> Iterator[str]:
    """The URL of a database without tables."""
    name = databases.create(postgres)
    yield postgres.url(name)
    databases.drop(postgres, name)
