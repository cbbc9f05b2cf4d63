"""Databases and sessions for tests: a fresh database each, and as many sessions as a race needs."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg2
import psycopg2.extras

from devstack.postgres import Server
from flamebot.adapters.postgres.connection import Database

Row = dict[str, Any]
_names = itertools.count(1)

# Roles belong to the server, which all suites of a process share in any order: a suite that set a
# password of its own would lock the others out.
PASSWORD = "role-password"


def execute(url: str, *statements: str) -> None:
    """Run statements one by one, outside a transaction."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    finally:
        connection.close()


class Session:
    """A connection with transactions by hand and calls that may wait for locks."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg2.connect(url)
        self.connection.autocommit = True
        self.pid: int = self.connection.info.backend_pid

    def rows(self, sql: str, params: Mapping[str, object] | tuple[object, ...] = ()) -> list[Row]:
        """Run a statement and return its rows."""
        with self.connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            cursor.execute(sql, params or None)
            return [dict(row) for row in cursor.fetchall()] if cursor.description else []

    def one(self, sql: str, params: Mapping[str, object] | tuple[object, ...] = ()) -> Row:
        """Run a statement that returns exactly one row."""
        (row,) = self.rows(sql, params)
        return row

    def value(self, sql: str, params: Mapping[str, object] | tuple[object, ...] = ()) -> Any:
        """Run a statement that returns exactly one value."""
        (value,) = self.one(sql, params).values()
        return value

    def begin(self) -> None:
        """Open a transaction: what follows is not seen, and its locks are held, until `commit`."""
        self.rows("begin")

    def commit(self) -> None:
        """Commit the transaction of the session."""
        self.rows("commit")

    def rollback(self) -> None:
        """Roll the transaction of the session back."""
        self.rows("rollback")

    def close(self) -> None:
        """Close what this object has opened."""
        self.connection.close()


@dataclass
class Waiting:
    """A call that runs in another thread."""

    thread: threading.Thread
    answers: list[Any] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    def result(self, timeout: float = 10) -> Any:
        """Wait for the call and return its result, or raise its exception."""
        self.thread.join(timeout)
        assert not self.thread.is_alive(), "the call is still waiting"
        if self.failures:
            raise self.failures[0]
        return self.answers[0]


def start(call: Callable[[], Any]) -> Waiting:
    """Run a call in a thread of its own."""
    waiting: Waiting

    def work() -> None:
        try:
            waiting.answers.append(call())
        except BaseException as failure:
            waiting.failures.append(failure)

    waiting = Waiting(threading.Thread(target=work, daemon=True))
    waiting.thread.start()
    return waiting


class TestDatabase:
    """A fresh, migrated database: `url`, `db` as the adapters use it, and sessions."""

    __test__ = False

    def __init__(self, server: Server, name: str) -> None:
        self.name = name
        self.url = server.url(name)
        self.db = Database(lambda: self.url)
        self._sessions: list[Session] = []
        self.main = self.session()

    def session(self) -> Session:
        """Open another session on the database."""
        session = Session(self.url)
        self._sessions.append(session)
        return session

    def rows(self, sql: str, params: Mapping[str, object] | tuple[object, ...] = ()) -> list[Row]:
        """Run a statement and return its rows."""
        return self.main.rows(sql, params)

    def one(self, sql: str, params: Mapping[str, object] | tuple[object, ...] = ()) -> Row:
        """Run a statement that returns exactly one row."""
        return self.main.one(sql, params)

    def value(self, sql: str, params: Mapping[str, object] | tuple[object, ...] = ()) -> Any:
        """Run a statement that returns exactly one value."""
        return self.main.value(sql, params)

    def until_blocked(self, session: Session, timeout: float = 10) -> None:
        """Wait until a session waits for a lock: from then on the order of a race is fixed."""
        give_up = time.monotonic() + timeout
        while not self.value("select cardinality(pg_blocking_pids(%s)) > 0", (session.pid,)):
            assert time.monotonic() < give_up, "the session never waited for a lock"
            time.sleep(0.005)

    def close(self) -> None:
        """Close what this object has opened."""
        self.db.close()
        for session in self._sessions:
            session.close()


_EMPTY = """
set lock_timeout = '2s';
set session_replication_role = replica;
do $$
declare
    r record;
begin
    for r in select relname from pg_class where relnamespace = 'public'::regnamespace
        and relkind in ('r', 'p') and not relispartition
                                            and relname not in ('schema_migrations',
                                                'engine_control') loop
        execute format('delete from %I', r.relname);
    end loop;
    for r in select sequencename, start_value from pg_sequences where schemaname = 'public' loop
        perform setval(r.sequencename::regclass, r.start_value, false);
    end loop;
    delete from engine_control;
    insert into engine_control default values;
    insert into services (name) values ('actions_service'), ('ai_service');
end $$
"""
_SHAPE = """
select (select array_agg((oid, relname, relacl)::text order by oid) from pg_class
         where relnamespace = 'public'::regnamespace)::text as relations,
       (select array_agg((oid, xmin, proacl)::text order by oid) from pg_proc
         where pronamespace = 'public'::regnamespace)::text as functions
"""
_ALONE = """
select pg_terminate_backend(pid, 2000) from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid()
"""


class DatabasePool:
    """Databases for tests, emptied and used again: making one costs more than most tests do.

    One whose schema a test has changed (a partition, a function), or that cannot be emptied, is
    dropped.
    """

    def __init__(self, server: Server, template: str) -> None:
        self._server = server
        self._template = template
        self._spare: list[str] = []
        self._shape: dict[str, Row] = {}

    def take(self) -> TestDatabase:
        """An empty, migrated database."""
        name = self._spare.pop() if self._spare else create(self._server, self._template)
        database = TestDatabase(self._server, name)
        self._shape.setdefault(name, database.one(_SHAPE))
        return database

    def give_back(self, database: TestDatabase) -> None:
        """Empty it for the next test."""
        database.close()
        try:
            session = Session(database.url)
            try:
                session.rows(_ALONE)
                session.rows(_EMPTY)
                same = session.one(_SHAPE) == self._shape[database.name]
            finally:
                session.close()
        except psycopg2.Error:
            same = False
        if same:
            self._spare.append(database.name)
        else:
            drop(self._server, database.name)


def create(server: Server, template: str | None = None) -> str:
    """Create a database, as a copy of another, and return its name."""
    name = f"test_{next(_names)}"
    execute(server.url(), f"create database {name} template {template or 'template0'}")
    return name


def drop(server: Server, name: str) -> None:
    """Drop a database and end its connections."""
    execute(server.url(), f"drop database if exists {name} with (force)")
