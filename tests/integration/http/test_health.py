"""Health over HTTP: every check for operators, and one status without a token, in time."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.integration.http.conftest import PROBE_TIMEOUT, Api, ApiResponse

NO_TICK = "update engine_control set last_tick_at = last_tick_at - interval '1 hour'"


def checks_of(answer: ApiResponse) -> dict[str, bool]:
    """Return whether each check is ok, by name."""
    assert answer.status == 200, answer.body
    return {check["name"]: check["ok"] for check in answer.body["checks"]}


def test_health(http: Api) -> None:
    """Without a recent tick the engine is degraded. Each check says whether it is urgent."""
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
        "orphaned_workflows": True,
        "enough_concurrency": False,
        "actions_service": False,
        "ai_service": False,
        "failing_workflows": False,
        "last_maintenance": False,
        "history": False,
        "transactions": False,
        "queue": True,
    }


def test_open_health_shows_no_details(http: Api) -> None:
    """It shows its status only; a connection that was cut is opened again."""
    http.database.rows(NO_TICK)
    closed = http.call("GET", "/health", scopes=None)
    assert (closed.status, closed.body, closed.headers["Retry-After"]) == (
        503,
        {"status": "unavailable"},
        "5",
    )
    http.database.rows("select record_tick(0, 0, 0)")
    http.database.rows(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )
    well = uncached(http)
    assert (well.status, well.body) == (200, {"status": "ok"})


def test_open_health_depends_on_urgent_checks_only(http: Api) -> None:
    """A failed check that is not urgent makes the report degraded and leaves the status ok."""
    http.database.rows("select record_tick(0, 0, 0)")
    http.database.rows(
        "update engine_control set last_maintenance_at = last_maintenance_at - interval '1 day'"
    )
    assert http.call("GET", "/v1/health").body["status"] == "degraded"
    assert http.call("GET", "/health", scopes=None).body == {"status": "ok"}


def test_open_health_is_cached_for_two_seconds(http: Api) -> None:
    """Frequent calls do not load the database; a change shows within two seconds."""
    http.database.rows("select record_tick(0, 0, 0)")
    assert http.call("GET", "/health", scopes=None).status == 200
    http.database.rows(NO_TICK)
    assert http.call("GET", "/health", scopes=None).status == 200
    assert uncached(http).status == 503


def uncached(http: Api) -> ApiResponse:
    """Call the open health check after its cached result has expired."""
    time.sleep(2.1)
    return http.call("GET", "/health", scopes=None)


def test_a_database_that_hangs(http: Api) -> None:
    """The response comes within the timeout and names the database; afterwards all is ok again."""
    http.database.rows("select record_tick(0, 0, 0)")
    assert http.call("GET", "/v1/health").body["status"] == "ok"
    backend = http.database.value(
        "select pid from pg_stat_activity"
        " where datname = current_database() and application_name = 'flamebot'"
        " and query like '%engine_health%'"
    )
    os.kill(backend, signal.SIGSTOP)
    try:
        began = time.monotonic()
        hanging = http.call("GET", "/v1/health")
        assert time.monotonic() - began < PROBE_TIMEOUT + 5
        assert checks_of(hanging) == {"database": False, "queue": True}
        assert hanging.body["checks"][0]["detail"] == "no response within the timeout"
    finally:
        os.kill(backend, signal.SIGCONT)
    assert http.call("GET", "/v1/health").body["status"] == "ok"
    assert uncached(http).status == 200


def test_health_without_a_database(http: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Operators get the failed check, and the open health check is unavailable."""
    monkeypatch.setattr(http.database, "url", "postgresql://user:hunter2@127.0.0.1:9/nowhere")
    assert checks_of(http.call("GET", "/v1/health")) == {"database": False, "queue": True}
    closed = http.call("GET", "/health", scopes=None)
    assert (closed.status, closed.body) == (503, {"status": "unavailable"})
