"""Bring a database to what `sql/` says: tables by migrations, then functions, views and rights.

Every migration is one transaction together with its row in `schema_migrations`, so it is applied or
it is not. A file that begins with `-- outside a transaction` holds one statement that Postgres
refuses inside one (`create index concurrently`); its row is written before it starts and stamped
when it is done, so an interrupted one is found and refused.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from flamebot.adapters.postgres.objects import make_objects
from flamebot.domain.errors import FlamebotError

_LOCK = 0x666C616D65  # 'flame'
_OUTSIDE = "-- outside a transaction"
_NAME = re.compile(r"\d{4}_(expand|contract)_[a-z0-9_]+")
_EVER = "1000 years"


class MigrationRefused(FlamebotError):
    """The database differs from what the applied migrations left behind."""

    code = "migration_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run did.

    Functions and views are made at each run; `migrations` are only those that were new.
    """

    migrations: tuple[str, ...]
    functions: int
    views: int
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerThresholds:
    """When the breaker of a service opens, and how it lets work through. Schedule time."""

    probe_seconds: float  # between two probes
    failures: int  # so many calls without a response within 20 seconds open it
    share: float  # if they are at least this share of the calls, from 0 to 1
    ramp_per_second: float  # tasks that may begin in the first second after the recovery


def migrate(
    target: Any,  # noqa: ANN401  # a URL or a connection
    sql_dir: str | Path,
    thresholds: BreakerThresholds | None = None,
) -> Report:
    """Apply everything under `sql_dir`; a second run changes nothing.

    Two runs at once go one after the other, under an advisory lock.

    Args:
        target: The URL of a database, or a connection that the caller closes.
        sql_dir: The folder with migrations, functions, views, comments and roles.sql.
        thresholds: The thresholds of the breakers. None: they stay as they are.

    Raises:
        MigrationRefused: The database is not what the migrations left behind.
        psycopg2.Error: A statement failed. What the migrations before it did stays.
    """
    root = Path(sql_dir)
    if not (root / "migrations").is_dir():
        raise MigrationRefused(f"{root} has no folder migrations.")
    connection = (
        psycopg2.connect(target, connect_timeout=10, application_name="flamebot-migrate")
        if isinstance(target, str)
        else target
    )
    before = connection.autocommit
    # Each migration opens its own transaction, and some statements refuse to run in one.
    connection.autocommit = True
    try:
        with connection.cursor() as cursor, _alone(cursor):
            applied = _apply_migrations(cursor, sorted((root / "migrations").glob("*.sql")))
            # Functions and views are replaced in one transaction: running code sees either the old
            # set or the new one.
            with _transaction(cursor):
                made = make_objects(cursor, root)
            _maintain_history(cursor)
            if thresholds is not None:
                cursor.execute(
                    "select configure_services(%s, %s, %s, %s)",
                    (
                        thresholds.probe_seconds,
                        thresholds.failures,
                        thresholds.share,
                        thresholds.ramp_per_second,
                    ),
                )
            return Report(
                migrations=applied, functions=made.functions, views=made.views, dropped=made.dropped
            )
    finally:
        if isinstance(target, str):
            connection.close()
        else:
            connection.autocommit = before


@contextmanager
def _alone(cursor: Any) -> Iterator[None]:  # noqa: ANN401  # psycopg2's cursor
    # guard: one-run-at-a-time
    cursor.execute("select pg_advisory_lock(%s)", (_LOCK,))
    try:
        yield
    finally:
        if not cursor.connection.closed:
            cursor.execute("select pg_advisory_unlock(%s)", (_LOCK,))


@contextmanager
def _transaction(cursor: Any) -> Iterator[None]:  # noqa: ANN401
    cursor.execute("begin")
    try:
        yield
    except BaseException:
        if not cursor.connection.closed:
            cursor.execute("rollback")
        raise
    cursor.execute("commit")


def _apply_migrations(cursor: Any, files: list[Path]) -> tuple[str, ...]:  # noqa: ANN401
    cursor.execute(
        "create table if not exists schema_migrations ("
        "name text primary key, checksum text not null,"
        " started_at timestamptz not null default clock_timestamp(), finished_at timestamptz)"
    )
    cursor.execute("select name, checksum, finished_at is not null from schema_migrations")
    known = {name: (checksum, finished) for name, checksum, finished in cursor.fetchall()}
    texts = {file.stem: file.read_text() for file in files}
    _refuse(known, {name: _checksum(text) for name, text in texts.items()})
    new = tuple(name for name in texts if name not in known)
    for name in new:
        _apply(cursor, name, texts[name])
    return new


def _refuse(known: dict[str, tuple[str, bool]], files: dict[str, str]) -> None:
    for name, (checksum, finished) in sorted(known.items()):
        if not finished:  # guard: unfinished-migration
            raise MigrationRefused(
                f"{name} was begun and never finished. Undo what it left, delete its row in"
                " schema_migrations, run again."
            )
        if name not in files:  # guard: newer-database
            raise MigrationRefused(
                f"{name} was applied to this database, but there is no such file: this code is"
                " older than the database."
            )
        if files[name] != checksum:  # guard: changed-migration
            raise MigrationRefused(
                f"{name} was changed after it was applied. Restore it, and put the change into a"
                " new migration."
            )
    last = max(known, default="")
    for name in files:
        if not _NAME.fullmatch(name):
            raise MigrationRefused(
                f"{name}.sql is not named NNNN_expand_what or NNNN_contract_what."
            )
        if name not in known and name < last:  # guard: misplaced-migration
            raise MigrationRefused(
                f"{name} is new but would come before {last}, which was applied already. Give it a"
                " higher number."
            )
    numbers = [name[:4] for name in files]
    if len(numbers) != len(set(numbers)):
        raise MigrationRefused("Two migrations have the same number.")


def _apply(cursor: Any, name: str, text: str) -> None:  # noqa: ANN401
    if text.startswith(_OUTSIDE):
        cursor.execute(
            "insert into schema_migrations (name, checksum) values (%s, %s)",
            (name, _checksum(text)),
        )
        # The row is written first: a statement that fails half-way leaves it unfinished, and the
        # next run refuses to guess what was done.
        cursor.execute(text)
        cursor.execute(
            "update schema_migrations set finished_at = clock_timestamp() where name = %s", (name,)
        )
        return
    with _transaction(cursor):  # guard: migration-with-its-row
        cursor.execute(text)
        cursor.execute(
            "insert into schema_migrations (name, checksum, finished_at)"
            " values (%s, %s, clock_timestamp())",
            (name, _checksum(text)),
        )


def _maintain_history(cursor: Any) -> None:  # noqa: ANN401
    # The first tick after a deployment must find the partitions of the coming days.
    cursor.execute("select to_regprocedure('maintain_history(timestamptz, interval)') is not null")
    if cursor.fetchone()[0]:
        cursor.execute("select maintain_history(null, %s::interval)", (_EVER,))


def _checksum(text: str) -> str:
    return hashlib.sha256(text.replace("\r\n", "\n").encode()).hexdigest()
