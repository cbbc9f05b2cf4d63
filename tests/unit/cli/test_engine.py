"""The commands `flamebot status`, `pause-all` and `resume-all`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.canned import NOW, CannedApi, Reply, problem
from tests.unit.cli.conftest import Flamebot

CHECKS = [
    {"name": "database", "ok": True, "detail": "It answers.", "urgent": True},
    {"name": "last_tick", "ok": True, "detail": "12 s ago.", "urgent": True},
]
LATENESS = {
    "tasks": 1200,
    "p50Seconds": 0.2,
    "p95Seconds": 0.8,
    "p99Seconds": 0.9,
    "maxSeconds": 1.25,
}
STEP = {
    "action": "add_bio",
    "completed": 9,
    "failed": 1,
    "retried": 2,
    "skipped": 0,
    "cancelled": 0,
    "meanSeconds": 1.5,
}


def stats(**changes: Any) -> Reply:
    """Return statistics of the engine."""
    counts = {
        "workflows": {"active": 1200, "failed": 0},
        "tasks": {"pending": 3},
        "accounts": {"active": 1300},
    }
    return Reply(200, {**counts, "steps": [STEP], "lateness": LATENESS, **changes})


@pytest.fixture(autouse=True)
def engine(api: CannedApi) -> None:
    """Return the health of a healthy engine."""
    api.on("GET", "/v1/health", Reply(200, {"status": "ok", "checks": CHECKS}))
    api.on("GET", "/v1/stats", stats())
    api.on("GET", "/v1/control", Reply(200, {"paused": False, "pausedAt": None, "pausedMs": 0}))


def test_status_is_one_screen(api: CannedApi, flamebot: Flamebot) -> None:
    """`status` shows API, health, counts, lateness and the steps of the last 24 hours."""
    ran = flamebot("status")
    assert ran.exit == 0
    for text in (api.url, "1,200 active", "p95 0.80 s", "last_tick", "add_bio", "1.50 s"):
        assert text in ran.out


def test_errors_are_shown_by_their_code(api: CannedApi, flamebot: Flamebot) -> None:
    """`status` says what fails and what waits, and how to see whose it is."""
    errors = [{"code": "throttled", "failed": 3, "waiting": 812}]
    api.on("GET", "/v1/stats", stats(errors=errors))
    ran = flamebot("status")
    assert ["throttled", "3", "812"] in [line.split() for line in ran.out.splitlines()]
    assert "flamebot list --error-code CODE" in ran.err


def test_lateness_is_shown_in_real_seconds(
    api: CannedApi, flamebot: Flamebot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On an accelerated stack lateness is in wall-clock seconds; JSON has the API's values."""
    monkeypatch.delenv("FLAMEBOT_API_URL")
    Path(".flamebot").mkdir()
    Path(".flamebot/stack.json").write_text(
        json.dumps({"apiUrl": api.url, "token": "t", "speed": 10.0}), encoding="utf-8"
    )
    assert "p50 0.02 s, p95 0.08 s, p99 0.09 s, worst 0.12 s" in flamebot("status").out
    assert flamebot("status", "--json").json["stats"]["lateness"] == LATENESS


def test_the_server_tells_its_clock_rate(api: CannedApi, flamebot: Flamebot) -> None:
    """By address and token alone, lateness is in wall time, and other times are labelled."""
    api.on("GET", "/v1/me", Reply(200, {"clockRate": 60.0}))
    ran = flamebot("status")
    assert "worst 0.02 s over 1,200 tasks, in wall time" in ran.out
    assert "MEAN (SCHEDULE TIME)" in ran.out
    assert "runs at 60 times the speed of wall time" in ran.out
    assert flamebot("status", "--json").json["clockRate"] == 60.0
    api.on("GET", "/v1/me", Reply(200, {"clockRate": 1.0}))
    assert "SCHEDULE TIME" not in flamebot("status").out.upper()


def test_without_a_clock_rate_nothing_is_called_wall_time(
    api: CannedApi, flamebot: Flamebot
) -> None:
    """An engine without the call shows seconds of schedule time, and says so."""
    ran = flamebot("status")
    assert "worst 1.25 s over 1,200 tasks, in schedule time" in ran.out
    assert "does not show its clock rate" in ran.out


def test_suspended_accounts_lead_to_their_workflows(api: CannedApi, flamebot: Flamebot) -> None:
    """Where accounts are suspended, `status` names the command that lists their workflows."""
    api.on("GET", "/v1/stats", stats(accounts={"active": 3, "suspended": 1}))
    assert "next: `flamebot list --error account_suspended`" in flamebot("status").err
    api.on("GET", "/v1/stats", stats())
    assert "suspended" not in flamebot("status").err


def test_status_of_an_empty_engine(api: CannedApi, flamebot: Flamebot) -> None:
    """`status` works without any workflow, task or account."""
    none = {
        "tasks": 0,
        "p50Seconds": None,
        "p95Seconds": None,
        "p99Seconds": None,
        "maxSeconds": None,
    }
    api.on("GET", "/v1/stats", stats(workflows={}, tasks={}, accounts={}, steps=[], lateness=none))
    ran = flamebot("status")
    assert (ran.exit, "no task has begun" in ran.out) == (0, True)


def test_check_exits_with_seven(api: CannedApi, flamebot: Flamebot) -> None:
    """With --check an unhealthy engine is exit status 7; without it the status is 0."""
    late = {
        "name": "last_tick",
        "ok": False,
        "detail": "The last tick finished 900 s ago.",
        "urgent": True,
    }
    api.on("GET", "/v1/health", Reply(200, {"status": "degraded", "checks": [late]}))
    assert flamebot("status").exit == 0
    ran = flamebot("status", "--check")
    assert (ran.exit, "900 s ago" in ran.out) == (7, True)


def test_what_is_not_urgent_is_a_warning(api: CannedApi, flamebot: Flamebot) -> None:
    """A failed check that is urgent is `failed`, another one `warning`."""
    checks = [
        {"name": name, "ok": False, "detail": "No.", "urgent": urgent}
        for name, urgent in (("last_tick", True), ("history", False))
    ]
    api.on("GET", "/v1/health", Reply(200, {"status": "degraded", "checks": checks}))
    shown = [line.split()[:2] for line in flamebot("status").out.splitlines()]
    assert ["last_tick", "failed"] in shown
    assert ["history", "warning"] in shown


def test_status_needs_no_admin(api: CannedApi, flamebot: Flamebot) -> None:
    """With a read-only token `status` shows everything except the global pause."""
    api.on("GET", "/v1/control", problem(403, "forbidden", "No."))
    ran = flamebot("status", "--json")
    assert (ran.exit, ran.json["control"], ran.json["health"]["status"]) == (0, None, "ok")
    assert "lacks the scope admin" in flamebot("status").out


def test_the_global_pause_is_shown_and_undone(api: CannedApi, flamebot: Flamebot) -> None:
    """pause-all prints the time, status shows the pause, resume-all ends it."""
    paused = Reply(200, {"paused": True, "pausedAt": NOW, "pausedMs": 0})
    api.on("POST", "/v1/control/pause-all", paused)
    api.on(
        "POST",
        "/v1/control/resume-all",
        Reply(200, {"paused": False, "pausedAt": None, "pausedMs": 5}),
    )
    ran = flamebot("pause-all", "--reason", "maintenance")
    assert "paused since 2026-03-01 12:00:00Z" in ran.out
    assert "undo: flamebot resume-all" in ran.err
    assert api.requests[-1].body == {"reason": "maintenance"}
    api.on("GET", "/v1/control", paused)
    assert "flamebot resume-all" in flamebot("status").out
    assert flamebot("resume-all").out == "The global pause has ended.\n"
