"""The database connection reconnects by itself and raises the domain's errors."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from flamebot.adapters.postgres.connection import Database, StoreFault
from flamebot.domain import errors
from tests.support.databases import TestDatabase

ASSASSIN = (
    "select pg_terminate_backend(pid, 2000) from pg_stat_activity"
    " where application_name = 'flamebot' and datname = current_database()"
)
RAISE = """
create function pg_temp.fail(p_code text, p_message text, p_detail text) returns void
    language plpgsql as
$$ begin raise exception '%', p_message using errcode = p_code, detail = p_detail; end $$
"""


def test_rows_are_dicts(database: TestDatabase) -> None:
    """Rows are keyed by column name. A statement without rows returns none."""
    assert database.db.call("select 1 as one, %s::text as two", ("x",)) == [{"one": 1, "two": "x"}]
    assert database.db.call("create temp table t (id int)") == []
    assert database.db.call("select '{\"a\": 1}'::jsonb as document") == [{"document": {"a": 1}}]


def test_connection_is_lazy_and_asks_for_its_address_anew(database: TestDatabase) -> None:
    """An IAM token is fetched before each connect, never before the first call."""
    connects: list[int] = []

    def dsn() -> str:
        connects.append(1)
        return database.url

    db = Database(dsn)
    assert connects == []
    db.call("select 1")
    db.call("select 1")
    assert len(connects) == 1
    db.close()
    db.call("select 1")
    assert len(connects) == 2
    db.close()


@pytest.mark.parametrize("repeatable", [True, False])
def test_connection_that_died_between_calls_is_replaced(
    database: TestDatabase, repeatable: bool
) -> None:
    """A call after a long sleep gets a new connection, also one that must not be repeated."""
    database.db.call("select 1")
    database.rows(ASSASSIN)
    assert database.db.call("select 2 as two", repeatable=repeatable) == [{"two": 2}]


def test_lost_repeatable_call_is_called_again(database: TestDatabase) -> None:
    """If the connection dies under a repeatable statement, a second try returns its result."""
    database.rows("create sequence tries")
    sql = "select n, case n when 1 then pg_sleep(20) end from nextval('tries') n"
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(database.db.call, sql, repeatable=True)
        _until_at_work(database)
        database.rows(ASSASSIN)
        assert [row["n"] for row in lost.result(10)] == [2]


def test_lost_call_that_is_not_repeatable_is_unavailable(database: TestDatabase) -> None:
    """It is unknown whether the statement ran, so it is not called again."""
    database.rows("create sequence tries")
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(database.db.call, "select nextval('tries'), pg_sleep(20)")
        _until_at_work(database)
        database.rows(ASSASSIN)
        with pytest.raises(errors.StoreUnavailable):
            lost.result(10)
    assert database.value("select last_value from tries") == 1
    assert database.db.call("select 1 as one") == [{"one": 1}]


def _until_at_work(database: TestDatabase) -> None:
    asleep = threading.Event()
    while not database.rows(
        "select 1 from pg_stat_activity where application_name = 'flamebot'"
        " and wait_event = 'PgSleep'"
    ):
        asleep.wait(0.02)


@pytest.mark.parametrize(
    ("sqlstate", "kind"),
    [
        ("FB001", errors.NotFound),
        ("FB002", errors.AlreadyActive),
        ("FB003", errors.NotAllowed),
        ("FB004", errors.Busy),
        ("FB005", errors.RevisionConflict),
        ("FB006", errors.PreconditionFailed),
        ("FB007", errors.AccountIncomplete),
        ("FB008", errors.UnknownWorkflowType),
        ("FB009", errors.IdempotencyKeyReused),
        ("FB010", errors.IdempotencyInFlight),
    ],
)
def test_what_an_sql_function_raises_is_a_domain_error(
    database: TestDatabase, sqlstate: str, kind: type[errors.FlamebotError]
) -> None:
    """Each SQLSTATE becomes one domain error with the SQL function's message."""
    database.db.call(RAISE)
    with pytest.raises(kind, match=r"^Not so\.$") as caught:
        database.db.call("select pg_temp.fail(%s, 'Not so.', '')", (sqlstate,))
    assert type(caught.value) is kind


def test_not_allowed_names_what_is(database: TestDatabase) -> None:
    """The error of a refused action lists the allowed actions."""
    database.db.call(RAISE)
    with pytest.raises(errors.NotAllowed) as caught:
        database.db.call("select pg_temp.fail('FB003', 'The workflow is paused.', 'resume,stop')")
    assert caught.value.context == {"allowed": ["resume", "stop"]}


@pytest.mark.parametrize("sqlstate", ["40P01", "40001"])
def test_rolled_back_statement_is_run_again(database: TestDatabase, sqlstate: str) -> None:
    """The victim of a deadlock is run again, a limited number of times."""
    database.db.call(
        """
        create function pg_temp.unlucky(p_times int, p_code text) returns bigint language plpgsql
            as $$
        declare n bigint := nextval('pg_temp.tries');
        begin
            if n <= p_times then raise exception 'out of luck' using errcode = p_code; end if;
            return n;
        end $$"""
    )
    database.db.call("create temp sequence tries")
    assert database.db.call("select pg_temp.unlucky(3, %s) as n", (sqlstate,)) == [{"n": 4}]
    with pytest.raises(errors.StoreUnavailable):
        database.db.call("select pg_temp.unlucky(99, %s)", (sqlstate,))
    assert database.db.call("select currval('pg_temp.tries') as n") == [{"n": 9}]


def test_replica_after_a_failover_is_left(database: TestDatabase) -> None:
    """A server that became read-only is unavailable, and the next call connects anew."""
    pid = database.db.call("select pg_backend_pid() as pid")
    database.db.call("set default_transaction_read_only = on")
    with pytest.raises(errors.StoreUnavailable):
        database.db.call("select record_tick(0, 0, 0)")
    assert database.db.call("select pg_backend_pid() as pid") != pid


def test_database_that_cannot_be_reached_is_unavailable() -> None:
    """A refused connection, an unknown host and a wrong password are StoreUnavailable."""
    for url in ("postgresql://user:hunter2@127.0.0.1:1/none", "not a database url hunter2"):
        with pytest.raises(errors.StoreUnavailable) as caught:
            Database(lambda url=url: url).call("select 1")  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        assert "hunter2" not in repr(caught.value)
        assert caught.value.__suppress_context__


def test_no_statement_and_no_value_in_an_error(database: TestDatabase) -> None:
    """Errors hold neither the statement nor stored values, because they may be logged (I10)."""
    secret = f"secret-{uuid4()}"
    statements = [
        ("select * from no_such_table where x = %s", (secret,)),
        ("select %s::int", (secret,)),
        ("select %s::jsonb", (f'{{"a": "{secret}',)),
        ("insert into accounts values ('a', %s, null, '{}', null, null, 1, 1, 'odd')", (secret,)),
    ]
    for sql, params in statements:
        with pytest.raises(StoreFault) as caught:
            database.db.call(sql, params)
        assert secret not in f"{caught.value!r} {caught.value.detail} {caught.value.__cause__}"
        assert caught.value.__suppress_context__
        assert "SQLSTATE" in caught.value.detail


def test_threads_take_turns(database: TestDatabase) -> None:
    """The threads of an invocation share one connection, one call at a time."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda n: database.db.call("select %s as n, pg_backend_pid() as pid", (n,))[0],
                range(60),
            )
        )
    assert [answer["n"] for answer in answers] == list(range(60))
    assert len({answer["pid"] for answer in answers}) == 1


def test_iam_address_asks_for_tls() -> None:
    """An IAM token is only sent over TLS and may contain any character."""
    address = Database.dsn(
        host="db.example", port=5432, name="flamebot", user="flamebot_step", password="a/b?c&d=e%"
    )
    assert (
        address
        == "postgresql://flamebot_step:a%2Fb%3Fc%26d%3De%25@db.example:5432/flamebot?sslmode=require"
    )


def test_a_call_is_committed_when_it_returns(database: TestDatabase) -> None:
    """Other sessions read its result at once, so what it returns may be sent."""
    database.db.call("select record_tick(1, 1, 0.1)")
    assert database.value("select last_tick is not null from engine_control")
