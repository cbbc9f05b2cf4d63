"""The benchmarks' Postgres: the local stack's embedded server, durable, and databases on it."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2

from devstack.postgres import Server, embedded_postgres
from flamebot.adapters.postgres.migrations import migrate

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".bench"
# Settings that differ from Postgres' defaults. fsync, synchronous_commit and full_page_writes are
# on, as by default.
SETTINGS: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "512MB",
    "max_connections": "200",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
}
_names = itertools.count(1)


@contextmanager
def server() -> Iterator[Server]:
    """Run a durable server with a new cluster on this disk for the length of a block."""
    CACHE.mkdir(exist_ok=True)
    home = CACHE / "postgres"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(mode=0o711)
    try:
        with embedded_postgres(home, options=SETTINGS) as running:
            yield running
    finally:
        shutil.rmtree(home, ignore_errors=True)


class Session:
    """A connection that returns rows or a value."""

    def __init__(self, url: str) -> None:
        """Connect to the database of this URL."""
        self.connection = psycopg2.connect(url)
        self.connection.autocommit = True

    def rows(self, sql: str, params: object = None) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql, params)  # type: ignore[arg-type]  # a mapping or a sequence, as the statement wants it
            return cursor.fetchall() if cursor.description else []

    def value(self, sql: str, params: object = None) -> Any:  # noqa: ANN401  # whatever the statement answers
        """Run a statement that returns one value."""
        ((value,),) = self.rows(sql, params)
        return value

    def close(self) -> None:
        """Close the connection to the database."""
        self.connection.close()


def create(running: Server, *, migrated: bool = True) -> str:
    """Create a database, by default with the product's tables and functions; return its URL."""
    name = f"bench_{next(_names)}"
    _administer(running, f"create database {name}")
    url = running.url(name)
    if migrated:
        migrate(url, ROOT / "sql")
    return url


def drop(running: Server, url: str) -> None:
    """Drop a database and its connections."""
    _administer(running, f"drop database if exists {url.rpartition('/')[2]} with (force)")


@contextmanager
def fresh(running: Server, *, migrated: bool = True) -> Iterator[str]:
    """Provide a database for the length of a block; yield its URL."""
    url = create(running, migrated=migrated)
    try:
        yield url
    finally:
        drop(running, url)


def _administer(running: Server, statement: str) -> None:
    session = Session(running.url())
    try:
        session.rows(statement)
    finally:
        session.close()
