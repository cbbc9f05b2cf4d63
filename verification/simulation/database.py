"""Postgres behind the engine's port.

Real statements, one at a time, and the ways a connection fails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import psycopg2
import psycopg2.extensions

from verification.simulation.scheduler import MINUTE, SECOND
from verification.simulation.virtual_clock import PATH

if TYPE_CHECKING:
    from verification.simulation.environment import Environment
    from verification.simulation.world import World

_FUNCTION = re.compile(r"\b(?:from|select)\s+(\w+)\(")
READS = frozenset(
    {
        "definition_document",
        "load_credentials",
        "engine_health",
        "current_definition",
        "find_import",
        "instance_snapshot",
        "control_state",
        "clock_timestamp",
        "engine_stats",
        "due_histogram",
        "reserve_credentials_versions",
        "record_tick",
    }
)
_EMPTY = """
set sim.now = '2030-01-01T12:00:00+00:00';
truncate accounts, workflow_definitions, workflow_instances, scheduled_tasks, step_history,
         workflow_locks, import_requests, audit_log, engine_control, imports, import_rejects,
         import_staging, services, service_calls, service_openings restart identity;
insert into engine_control default values;
insert into services (name) values ('actions_service'), ('ai_service');
select setval('fence_seq', 1, false), setval('credentials_version_seq', 100000, false);
"""
_DAYS = """
select format('drop table %%I', c.relname) from pg_inherits h join pg_class c on c.oid = h.inhrelid
 where h.inhparent = 'step_history'::regclass and c.relname <> 'step_history_rest'
   and not (c.relname = any (%s))
"""
_MICROS = "(extract(epoch from {0}) * 1000000)::bigint"
_WATCH = f"""
prepare watch (bigint) as select json_build_object(
  'xid', pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
  'count', (select count(*) from scheduled_tasks),
  'paused', (select paused from engine_control),
  'tasks', (select json_agg(json_build_array(t.task_id, t.workflow_instance_id, t.account_id,
              t.sequence, t.step_id, t.phase, t.status,
              {_MICROS.format("t.scheduled_for")}, t.attempts, t.reclaims, t.sends, t.fence,
              t.claim_fence, t.committed_fence, t.begun_by,
              {_MICROS.format("t.lease_expires_at")}, t.outcome_unknown,
              {_MICROS.format("t.first_begun_at")},
              {_MICROS.format("t.finished_at")},
              t.error, t.payload ->> 'job_id', md5(t.payload::text),
              md5(t.result::text)) order by t.task_id)
              from scheduled_tasks t where t.xmin::text::bigint >= $1),
  'instances', (select json_agg(json_build_array(i.id, i.account_id, i.workflow_id,
              i.status, i.current_step, i.revision, i.last_error,
                  i.goto_iterations::text, {_MICROS.format("i.finished_at")}) order by i.id)
              from workflow_instances i where i.xmin::text::bigint >= $1))
"""


def function_of(sql: str) -> str:
    """Return the SQL function that a statement calls."""
    found = _FUNCTION.search(sql)
    return found.group(1) if found else ""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a statement."""

    names: tuple[str, ...] | None
    rows: list[tuple[Any, ...]]


class SimDatabase:
    """One database for one seed after the other, over one session with each function's role."""

    def __init__(self, url: str) -> None:
        # Every seed plans its statements anew on empty tables and keeps the plans, so that a seed
        # does not depend on the seed before it.
        path = PATH.replace(" ", "")
        options = f"-c plan_cache_mode=force_generic_plan -c search_path={path} -c timezone=UTC"
        self._connection = psycopg2.connect(url, options=options)
        self._connection.autocommit = True
        self._since = self._seeds = 0
        self.ask(_WATCH)
        days = self.ask(
            "select inhrelid::regclass::text from pg_inherits"
            " where inhparent = 'step_history'::regclass"
        )
        self._days = [name for (name,) in days]

    def reset(self) -> None:
        """Reset the database to its state after the migration."""
        self._seeds += 1
        if self._seeds % 100 == 0:  # each TRUNCATE leaves dead rows in the system catalogue
            for catalogue in ("pg_class", "pg_attribute", "pg_depend", "pg_index"):
                self._alone(f"vacuum {catalogue}")
        self.ask(_EMPTY)
        for (drop,) in self.ask(_DAYS, (self._days,)):
            self.ask(drop)
        self.watch()

    def run(self, role: str, sql: str, params: Any, now: str) -> Result:
        """Run a statement as a role at a virtual time. Raises the errors of Postgres."""
        with self._connection.cursor() as cursor:
            cursor.execute(f"set role {role}; set sim.now = '{now}'; {sql}", params)
            if cursor.description is None:
                return Result(None, [])
            return Result(tuple(column.name for column in cursor.description), cursor.fetchall())

    def watch(self) -> dict[str, Any]:
        """Return the changes since the last call."""
        ((seen,),) = self.ask("execute watch (%s)", (self._since,))
        self._since = seen["xid"]
        return dict(seen)

    def _alone(self, sql: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute("reset role")
            cursor.execute(sql)

    def ask(self, sql: str, params: Any = ()) -> list[tuple[Any, ...]]:
        """Query or change the database as its owner."""
        with self._connection.cursor() as cursor:
            cursor.execute(f"reset role; {sql}", params or None)
            return list(cursor.fetchall()) if cursor.description else []

    def close(self) -> None:
        """Close the session on the database."""
        self._connection.close()


class _RolledBack(psycopg2.errors.SerializationFailure):
    pgcode = "40001"


class _Deadlock(psycopg2.errors.DeadlockDetected):
    pgcode = "40P01"


class _Cancelled(psycopg2.errors.QueryCanceled):
    pgcode = "57014"


class _ReadOnly(psycopg2.errors.ReadOnlySqlTransaction):
    pgcode = "25006"


class SimConnection:
    """A connection of one environment, with the signatures of `psycopg2.connect`."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.autocommit = False
        self.closed = 0

    def cursor(self) -> SimCursor:
        """Return a cursor for use in a `with` statement."""
        return SimCursor(self)

    def close(self) -> None:
        """Close the simulated connection."""
        self.closed = 1


class SimCursor:
    """Runs statements and injects the faults of a network and a server."""

    def __init__(self, connection: SimConnection) -> None:
        self._connection = connection
        self._result = Result(None, [])

    def __enter__(self) -> Self:
        """Enter the `with` statement."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the `with` statement; nothing is kept open."""

    @property
    def description(self) -> list[Any] | None:
        """Describe the columns of the result."""
        return (
            None if self._result.names is None else [_Column(name) for name in self._result.names]
        )

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows of the result."""
        return self._result.rows

    def execute(self, sql: str, params: Any = None) -> None:
        """Run a statement, or fail as a network and a server do."""
        environment = self._connection.environment
        world = environment.world
        function = function_of(sql)
        environment.enter("postgres")
        if self._connection.closed:
            raise psycopg2.InterfaceError("connection already closed")
        match world.faults.first(
            "postgres.read_only",
            "postgres.fail_before",
            "postgres.late",
            "postgres.rolled_back",
            "postgres.cancelled",
        ):
            case "fail_before":
                world.oracle.in_doubt(function, params, executed=False)
                self._lose(f"fails before {function}")
            case "late":
                world.run_late(environment, sql, params)
                self._lose(f"is lost, {function} goes on")
            case "rolled_back":
                world.trace(f"{environment.name} {function} is rolled back")
                raise (_RolledBack if world.rng.random() < 0.5 else _Deadlock)("rolled back")
            case "cancelled":
                world.trace(f"{environment.name} {function} is cancelled")
                raise _Cancelled("canceling statement due to statement timeout")
            case "read_only":
                world.read_only_until = world.scheduler.now + world.rng.randint(
                    2 * SECOND, 40 * SECOND
                )
        if world.read_only_until > world.scheduler.now and function not in READS:
            raise _ReadOnly("cannot execute in a read-only transaction")
        self._result = world.statement(environment.function, environment.name, sql, params)
        if function and world.faults.fires("postgres.lost_reply"):
            world.oracle.in_doubt(function, params, executed=True)
            self._lose(f"loses the reply of {function}")
        environment.leave("postgres")

    def _lose(self, how: str) -> None:
        self._connection.environment.world.trace(
            f"{self._connection.environment.name} postgres {how}"
        )
        self._connection.closed = 1
        raise psycopg2.OperationalError("server closed the connection unexpectedly")


class _Column:
    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


def connect_in(world: World, environment: Environment) -> SimConnection:
    """Stand in for `psycopg2.connect`.

    Return a connection unless the server refuses connections.
    """
    environment.enter("postgres")
    if world.faults.fires("postgres.refused"):
        short = world.rng.random() < 0.85
        world.refused_until = world.scheduler.now + (
            world.rng.randint(SECOND, 30 * SECOND) if short else world.rng.randint(38, 45) * MINUTE
        )
    if world.refused_until > world.scheduler.now:
        world.trace(f"{environment.name} is refused by postgres")
        raise psycopg2.OperationalError("connection refused")
    return SimConnection(environment)
