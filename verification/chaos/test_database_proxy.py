"""The proxy loses exactly what it reports as lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg2
import pytest

from verification.chaos.database_proxy import DatabaseProxy

CALL = "select commit_tasks()"  # the proxy looks at the function's name only


@pytest.fixture
def proxy(empty_database: str) -> Iterator[DatabaseProxy]:
    """A proxy in front of a database whose only function inserts a row."""
    function = """
        create table calls (n int);
        create function commit_tasks() returns void language sql
            as 'insert into calls values (1)'"""
    _run(empty_database, function)
    running = DatabaseProxy(urlsplit(empty_database).port or 0, seed=1)
    running.start()
    yield running
    running.stop()


def _run(url: str, statement: str) -> list[tuple[int]]:
    connection = psycopg2.connect(url, connect_timeout=5)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []
    finally:
        connection.close()


def _through(proxy: DatabaseProxy, url: str) -> str:
    return url.replace(f":{urlsplit(url).port}/", f":{proxy.port}/")


def test_a_proxy_without_a_chance_is_transparent(proxy: DatabaseProxy, empty_database: str) -> None:
    """Without a probability of loss, large statements and many connections pass unchanged."""
    url, text = _through(proxy, empty_database), "x" * 500_000
    threads = [threading.Thread(target=_run, args=(url, CALL)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _run(url, f"select length('{text}')") == [(500_000,)]
    assert _run(empty_database, "select count(*) from calls") == [(8,)]
    assert not proxy.lost()


@pytest.mark.parametrize(("draw", "way", "executed"), [(0.4, "statement", 0), (0.6, "answer", 1)])
def test_a_lost_statement_is_not_executed_and_a_lost_answer_is(
    proxy: DatabaseProxy,
    empty_database: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    draw: float,
    way: str,
    executed: int,
) -> None:
    """A lost statement is not executed, a lost result is.

    The client's connection closes in both cases.
    """
    proxy.chance = 0.5
    monkeypatch.setattr(proxy._draws, "uniform", lambda *_: draw)
    with pytest.raises(psycopg2.OperationalError, match="closed the connection"):
        _run(_through(proxy, empty_database), CALL)
    assert _run(_through(proxy, empty_database), "select count(*) from calls") == [(executed,)], (
        "a statement that calls no function of the list is forwarded"
    )
    assert dict(proxy.lost()) == {("commit_tasks", way): 1}
