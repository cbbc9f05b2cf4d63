"""Health over HTTP: every check for operators, well or not for anybody, and an answer whoever hangs."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.integration.http.conftest import PATIENCE, Answered, Api

NO_TICK = "update engine_control set last_tick_at = last_tick_at - interval '1 hour'"


def checks_of(answer: Answered) -> dict[str, bool]:
    """Each check's name and verdict."""
    assert answer.status == 200, answer.body
    return {check["name"]: check["ok"] for check in answer.body["checks"]}


def test_health(http: Api) -> None:
    """Without a tick it is degraded, and says so; with one it is well. What is urgent is told apart."""
    http.database.rows(NO_TICK)
    before = http.call("GET", "/v1/health")
    assert before.body["status"] == "degraded"
    assert [name for name, ok in checks_of(before).items() if not ok] == ["last_tick"]
    http.database.rows("select record_tick(0, 0, 0)")
    after = http.call("GET", "/v1/health")
    assert after.body["status"] == "ok"
    assert {check["name"]: check["urgent"] for check in after.body["checks"]} == {
        "database": True,
        "last_tick": True,
        "oldest_due": True,
        "expired_leases": True,
        "stuck_tasks": True,
        "lost_workflows": True,
        "enough_concurrency": False,
        "last_maintenance": False,
        "history": False,
        "transactions": False,
        "queue": True,
    }


def test_open_health_tells_nothing(http: Api) -> None:
    """Ok or not, and no word more; a connection that was cut is opened again."""
    http.database.rows(NO_TICK)
    closed = http.call("GET", "/health", scopes=None)
    assert (closed.status, closed.body, closed.headers["Retry-After"]) == (
        503,
        {"status": "unavailable"},
        "5",
    )
    http.database.rows("select record_tick(0, 0, 0)")
    http.database.rows(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    )
    well = asked_again(http)
    assert (well.status, well.body) == (200, {"status": "ok"})


def test_open_health_is_what_is_urgent(http: Api) -> None:
    """Advice is for operators: nobody is to be woken for it."""
    http.database.rows("select record_tick(0, 0, 0)")
    http.database.rows(
        "update engine_control set last_maintenance_at = last_maintenance_at - interval '1 day'"
    )
    assert http.call("GET", "/v1/health").body["status"] == "degraded"
    assert http.call("GET", "/health", scopes=None).body == {"status": "ok"}


def test_who_asks_often_is_answered_from_memory(http: Api) -> None:
    """Anybody may ask: the database and the queue are not asked each time, but within two seconds of a change they are."""
    http.database.rows("select record_tick(0, 0, 0)")
    assert http.call("GET", "/health", scopes=None).status == 200
    http.database.rows(NO_TICK)
    assert http.call("GET", "/health", scopes=None).status == 200
    assert asked_again(http).status == 503


def asked_again(http: Api) -> Answered:
    """The open answer, when the last one is no longer remembered."""
    time.sleep(2.1)
    return http.call("GET", "/health", scopes=None)


def test_a_database_that_hangs(http: Api) -> None:
    """It neither answers nor refuses: the answer comes in time all the same, and names it; once it answers again all is well."""
    http.database.rows("select record_tick(0, 0, 0)")
    assert http.call("GET", "/v1/health").body["status"] == "ok"
    backend = http.database.value(
        "select pid from pg_stat_activity"
        " where datname = current_database() and application_name = 'flamebot' and query like '%engine_health%'"
    )
    os.kill(backend, signal.SIGSTOP)
    try:
        began = time.monotonic()
        hanging = http.call("GET", "/v1/health")
        assert time.monotonic() - began < PATIENCE + 5
        assert checks_of(hanging) == {"database": False, "queue": True}
        assert hanging.body["checks"][0]["detail"] == "It does not answer in time."
    finally:
        os.kill(backend, signal.SIGCONT)
    assert http.call("GET", "/v1/health").body["status"] == "ok"
    assert asked_again(http).status == 200


def test_health_without_a_database(http: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Operators are answered all the same; whoever asks at the door hears no more than unavailable."""
    monkeypatch.setattr(http.database, "url", "postgresql://somebody:hunter2@127.0.0.1:9/nowhere")
    assert checks_of(http.call("GET", "/v1/health")) == {"database": False, "queue": True}
    closed = http.call("GET", "/health", scopes=None)
    assert (closed.status, closed.body) == (503, {"status": "unavailable"})
