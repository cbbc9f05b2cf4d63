"""What every suite may use: one embedded Postgres per test session, and per xdist worker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.postgres import Server, embedded_postgres

ROOT = Path(__file__).resolve().parents[1]
SQL = ROOT / "sql"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A real Postgres that lives as long as the session. Not durable: a power cut may take it."""
    with embedded_postgres(durable=False, options={"max_connections": "60", "shared_buffers": "64MB", "autovacuum": "off"}) as server:
        yield server


@pytest.fixture(scope="session")
def sql_dir() -> Path:
    """The folder `sql/` of this checkout."""
    return SQL


@pytest.fixture(scope="session")
def worker() -> str:
    """The name of this xdist worker; `main` without xdist."""
    return os.environ.get("PYTEST_XDIST_WORKER", "main")
