"""A connection that reconnects: one statement per call, errors as domain errors."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TextIO
from urllib.parse import quote

import psycopg2
import psycopg2.extensions

from flamebot.domain import errors

Row = dict[str, Any]
Params = Mapping[str, object] | Sequence[object]

_ERRORS: dict[str, type[errors.FlamebotError]] = {
    "FB001": errors.NotFound,
    "FB002": errors.AlreadyActive,
    "FB003": errors.NotAllowed,
    "FB004": errors.Busy,
    "FB005": errors.RevisionConflict,
    "FB006": errors.PreconditionFailed,
    "FB007": errors.AccountIncomplete,
    "FB008": errors.UnknownWorkflowType,
    "FB009": errors.IdempotencyKeyReused,
    "FB010": errors.IdempotencyInFlight,
}
# Deadlock and serialization failure: nothing happened, so any statement may run again.
_ROLLED_BACK = {"40P01", "40001"}
_ROLLED_BACK_TRIES = 5
_READ_ONLY = "25006"  # a failover made this server a replica
_TIMEOUTS: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    # Milliseconds: a peer that vanished is noticed within the time of a call.
    "tcp_user_timeout": 15_000,
}


_JSONB = 3802  # the oid of its type
_decode = json.JSONDecoder().raw_decode


def _jsonb(text: str | bytes | None, _cursor: object) -> object:
    """Parse a jsonb column.

    Postgres writes it without blanks, and most of ours are empty objects, which need no parser.
    """
    if text is None:
        return None
    return {} if text == "{}" else _decode(str(text))[0]


psycopg2.extensions.register_type(psycopg2.extensions.new_type((_JSONB,), "JSONB", _jsonb))


class StoreFault(errors.FlamebotError):
    """The database refused a statement that should have worked."""


class _Lost(Exception):
    """The connection broke during a statement: it is unknown whether it ran."""


class Database:
    """A lazy connection in autocommit mode.

    Threads may share it; their calls run one after the other. Autocommit, because a call is one
    statement and one transaction; no session state, because a proxy would pin it.
    """

    def __init__(self, dsn: Callable[[], str]) -> None:
        """Ask `dsn` for the address before each connect: an IAM token lives for 15 minutes only."""
        self._dsn = dsn
        self._connection: psycopg2.extensions.connection | None = None
        self._used = False
        self._lock = threading.Lock()

    @staticmethod
    def dsn(*, host: str, port: int, name: str, user: str, password: str) -> str:
        """Return the address for IAM authentication, which needs TLS."""
        login = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return f"postgresql://{login}@{host}:{port}/{quote(name, safe='')}?sslmode=require"

    def call(self, sql: str, params: Params = (), *, repeatable: bool = False) -> list[Row]:
        """Run one statement and return its rows.

        Args:
            sql: One statement with psycopg2's placeholders.
            params: The values of the placeholders.
            repeatable: Whether calling it twice does no harm: it is then called once again after a
                lost connection. Another statement goes only over a connection that was just tried.

        Raises:
            StoreUnavailable: The database cannot be reached, is starting, full or read-only.
            FlamebotError: What the SQL function raised, by its SQLSTATE.
        """
        with self._lock:
            try:
                if not repeatable and self._used:  # guard: live-connection-for-one-call
                    self._revive()
                return self._run(sql, params)
            except _Lost as lost:
                if not repeatable:  # guard: lost-call-is-not-repeated
                    raise errors.StoreUnavailable from lost
            try:
                return self._run(sql, params)
            except _Lost as lost:
                raise errors.StoreUnavailable from lost

    def value(self, call: str, params: Params = (), *, repeatable: bool = False) -> Any:  # noqa: ANN401  # whatever the function returns
        """Call an SQL function and return its only value. `call` is its name with arguments."""
        (row,) = self.call(f"select {call} as value", params, repeatable=repeatable)
        return row["value"]

    def copy(self, sql: str, lines: TextIO) -> None:
        """Run a `copy ... from stdin`.

        Raises as `call` does. After a lost connection it is unknown whether the rows are stored.
        """
        with self._lock:
            if self._used:
                self._revive()
            connection = self._open()
            try:
                with connection.cursor() as cursor:
                    cursor.copy_expert(sql, lines)
                    self._used = True
            except psycopg2.Error as error:
                translated = self._translated(error)
                raise (
                    errors.StoreUnavailable if isinstance(translated, _Lost) else translated
                ) from None  # its text shows rows

    def close(self) -> None:
        """Close the connection; the next call opens another one."""
        with self._lock:
            self._drop()

    def _revive(self) -> None:
        # An execution environment may have been frozen for an hour. The statement that follows must
        # not be repeated, so a dead connection is found by one that may.
        with suppress(_Lost):
            self._run("select 1", ())

    def _run(self, sql: str, params: Params) -> list[Row]:
        for tries_left in reversed(range(_ROLLED_BACK_TRIES)):
            connection = self._open()
            try:
                with connection.cursor() as cursor:
                    cursor.execute(sql, params or None)
                    self._used = True
                    if cursor.description is None:
                        return []
                    names = [column.name for column in cursor.description]
                    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            except psycopg2.Error as error:
                # guard: rolled-back-runs-again
                if error.pgcode in _ROLLED_BACK and tries_left:
                    continue
                raise self._translated(error) from None  # its text shows the statement
        raise AssertionError("the last try returns or raises")

    def _open(self) -> psycopg2.extensions.connection:
        if self._connection is None or self._connection.closed:
            self._used = False
            try:
                connection = psycopg2.connect(self._dsn(), application_name="flamebot", **_TIMEOUTS)
                connection.autocommit = True  # guard: one-call-one-transaction
            except psycopg2.Error:
                raise errors.StoreUnavailable from None  # its text may show the address
            self._connection = connection
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(psycopg2.Error):
                self._connection.close()
        self._connection = None
        self._used = False

    def _translated(self, error: psycopg2.Error) -> Exception:
        code = error.pgcode
        if code in _ERRORS:
            return _raised(_ERRORS[code], error)
        if (
            code is None
            or code.startswith("08")
            or (self._connection is not None and self._connection.closed)
        ):
            self._drop()
            if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
                return _Lost()
            return StoreFault(f"The database client failed: {type(error).__name__}.")
        if code == _READ_ONLY:  # guard: replica-is-left
            self._drop()
            return errors.StoreUnavailable()
        if isinstance(error, psycopg2.OperationalError):
            return errors.StoreUnavailable()
        return _fault(error)


def _raised(kind: type[errors.FlamebotError], error: psycopg2.Error) -> errors.FlamebotError:
    """Return the error that an SQL function raised.

    MESSAGE is for the client. DETAIL of `not_allowed` lists the actions that are allowed, that of
    `already_active` is the id of the live workflow.
    """
    message, detail = error.diag.message_primary or None, error.diag.message_detail
    if kind is errors.NotAllowed:
        return kind(
            message, allowed=[name.strip() for name in (detail or "").split(",") if name.strip()]
        )
    if kind is errors.AlreadyActive:
        return kind(message, live_workflow_id=detail)
    return kind(message, about=detail) if detail else kind(message)


def _fault(error: psycopg2.Error) -> StoreFault:
    """Return enough to find the cause, but no value, statement or row."""
    culprit = error.diag.constraint_name or error.diag.table_name
    words = [f"SQLSTATE {error.pgcode}"]
    if culprit:
        words.append(f"at {culprit}")
    # The statement does not fit the schema: the message has names, but no values.
    if (error.pgcode or "").startswith("42"):
        words.append(error.diag.message_primary or "")
    return StoreFault(f"The database refused a statement: {', '.join(words)}.")
