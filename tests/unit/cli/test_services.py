"""The command `services`, and what `show` and `history` say of a workflow that waits for one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.cli.canned import NOW, CannedApi, Reply, problem, workflow
from tests.unit.cli.conftest import Flamebot
from tests.unit.cli.test_workflows import ID, SHOW, entry, page


def a_service(name: str = "actions_service", **changes: Any) -> dict[str, Any]:
    """Return a service as `GET /v1/services` does."""
    return {
        "name": name,
        "state": "closed",
        "since": NOW,
        "reason": None,
        "changedBy": None,
        "isManual": False,
        "perSecond": None,
        "nextProbeAt": None,
        "lastFailure": None,
        "lastFailureAt": None,
        "calls": {"answered": 12, "refused": 1, "throttled": 0, "denied": 0, "unknown": 0},
        "heldBack": 0,
        "thresholds": {},
        "openings": [],
        **changes,
    }


def listing(*services: dict[str, Any]) -> Reply:
    """Return the response of `GET /v1/services`."""
    return Reply(200, {"items": list(services)})


def test_services_are_a_table_with_their_openings(api: CannedApi, flamebot: Flamebot) -> None:
    """State, calls of the last minute, what waits, and when and why each was open."""
    opening = {
        "openedAt": NOW, "openedBy": None, "reason": "unanswered",
        "error": "outcome_unknown: 503", "endedAt": None, "endedBy": None,
    }  # fmt: skip
    open_now = a_service(
        state="open",
        reason="unanswered",
        nextProbeAt=NOW,
        heldBack=812,
        calls={"answered": 0, "refused": 0, "throttled": 1, "denied": 2, "unknown": 4},
        openings=[opening],
    )
    api.on("GET", "/v1/services", listing(open_now, a_service("ai_service")))
    ran = flamebot("services", "list")
    assert ran.exit == 0
    lines = [line.split() for line in ran.out.splitlines()]
    assert lines[1][:7] == [
        "actions_service", "open", "2026-03-01", "12:00:00Z", "0", "0", "7",
    ]  # fmt: skip
    assert "812" in lines[1]
    assert "next probe 2026-03-01 12:00:00Z" in ran.out
    assert lines[2][:2] == ["ai_service", "closed"]
    assert "outcome_unknown: 503" in ran.out
    assert flamebot("services", "list", "--json").json["items"][0]["heldBack"] == 812


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": "open", "isManual": True, "changedBy": "ann", "reason": "move"}, "by ann: move"),
        ({"state": "half_open", "perSecond": 40.0}, "releases 40 tasks a second"),
        ({"perSecond": 12.5}, "releases 12 tasks a second"),
    ],
)
def test_what_a_breaker_does_is_said_in_words(
    api: CannedApi, flamebot: Flamebot, changes: dict[str, Any], words: str
) -> None:
    """Who opened it, or at which rate it releases tasks."""
    api.on("GET", "/v1/services", listing(a_service(**changes)))
    assert words in flamebot("services", "list").out


def test_open_and_close_send_the_reason(api: CannedApi, flamebot: Flamebot) -> None:
    """`open` says how to undo it, and `close` how many tasks are released."""
    opened = a_service(state="open", isManual=True, changedBy="me", reason="their move")
    api.on("POST", "/v1/services/actions_service/open", Reply(200, opened))
    ran = flamebot("services", "open", "actions_service", "--reason", "their move")
    assert api.requests[-1].body == {"reason": "their move"}
    assert "None of its tasks begins" in ran.out
    assert "undo: flamebot services close actions_service" in ran.err
    closed = a_service(state="half_open", heldBack=1500, perSecond=10.0)
    api.on("POST", "/v1/services/actions_service/close", Reply(200, closed))
    ran = flamebot("services", "close", "actions_service")
    assert "actions_service is half open" in ran.out
    assert "1,500 tasks wait; they are released at a growing rate." in ran.out


def test_an_unknown_service_is_a_usage_error(api: CannedApi, flamebot: Flamebot) -> None:
    """No request is made for it."""
    assert flamebot("services", "open", "mail_service").exit == 2
    assert api.requests == []


def test_a_token_without_the_scope_is_refused(api: CannedApi, flamebot: Flamebot) -> None:
    """The exit status is that of missing rights."""
    refusal = problem(403, "forbidden", "The token lacks the scope admin.")
    api.on("POST", "/v1/services/ai_service/close", refusal)
    ran = flamebot("services", "close", "ai_service")
    assert ran.exit != 0
    assert "lacks the scope admin" in ran.err


def test_show_says_why_a_task_waits(api: CannedApi, flamebot: Flamebot) -> None:
    """The last failure, the deferrals and the service that holds it back."""
    task = {
        **workflow()["task"],
        "error": "throttled: The actions service limits the rate of requests (429).",
        "deferrals": 14,
        "deferredMs": 2_460_000,
        "deferredAt": NOW,
        "heldBackBy": "actions_service",
    }
    api.on(*SHOW, Reply(200, workflow(task=task)))
    shown = flamebot("show", ID).out
    assert "held back         by actions_service; `flamebot services list` shows why" in shown
    assert "waits because     throttled: The actions service limits" in shown
    assert "deferred          14 times, 41 min in all, last at 2026-03-01 12:00:00Z" in shown


def test_history_sums_up_deferrals_and_shows_reclaims(api: CannedApi, flamebot: Flamebot) -> None:
    """A step that is minutes late says why."""
    api.on(*SHOW, Reply(200, workflow()))
    deferrals = {"times": 14, "ms": 2_460_000, "code": "throttled"}
    api.on(
        "GET",
        f"{SHOW[1]}/history",
        page(
            entry(1, "reclaimed", error="lease_expired"),
            entry(2, deferrals=deferrals),
            entry(3, deferrals=deferrals, result={"performed": 5}),
        ),
    )
    shown = flamebot("history", ID).out
    assert "reclaimed" in shown
    assert "  (deferred 14 times, 41 min, throttled)" in shown
    assert '{"performed": 5} (deferred 14 times, 41 min, throttled)' in shown


def failed(number: int) -> dict[str, Any]:
    """Return a failed workflow."""
    one = ID[:-1] + str(number)
    return workflow(
        id=one, accountId=f"acct-{number}", status="failed", lastError="outcome_unknown: 503"
    )


def test_what_failed_for_one_reason_is_retried_with_one_command(
    api: CannedApi, flamebot: Flamebot
) -> None:
    """A dry run lists them; without it each is retried, and one refusal stops no other."""
    api.on("GET", "/v1/workflows", page(failed(1), failed(2)))
    when = "2026-03-01T11:00:00Z"
    dry = flamebot("retry", "--error-code", "outcome_unknown", "--updated-after", when, "--dry-run")
    query = api.requests[-1].query
    assert (query["status"], query["errorCode"], query["updatedAfter"]) == (
        "failed",
        "outcome_unknown",
        when,
    )
    assert dry.exit == 0
    assert "2 failed workflows would be retried." in dry.out
    assert "acct-2" in dry.out
    assert not [r for r in api.requests if r.method == "POST"]
    for number in (1, 2):
        one = failed(number)
        api.on("GET", f"/v1/workflows/{one['id']}", Reply(200, one))
    path = "/v1/workflows/{}/retry"
    api.on("POST", path.format(failed(1)["id"]), problem(409, "not_allowed", "No.", allowed=[]))
    api.on("POST", path.format(failed(2)["id"]), Reply(200, {**failed(2), "status": "active"}))
    ran = flamebot("retry", "--error-code", "outcome_unknown")
    assert ran.exit == 6
    assert len([r for r in api.requests if r.method == "POST"]) == 2
    assert "2 workflows were selected." in ran.err


@pytest.mark.parametrize(
    "arguments",
    [(), ("--dry-run",), (ID, "--error-code", "refused"), (ID, "--dry-run"), ("--type", "test")],
)
def test_a_retry_names_workflows_or_selects_them(
    api: CannedApi, flamebot: Flamebot, arguments: tuple[str, ...]
) -> None:
    """Neither, or both, is a usage error: nothing is retried by mistake."""
    ran = flamebot("retry", *arguments)
    assert ran.exit == 2
    assert "--error-code" in ran.err
    assert api.requests == []


def test_nothing_to_retry_is_no_error(api: CannedApi, flamebot: Flamebot) -> None:
    """It says that no workflow has the code."""
    api.on("GET", "/v1/workflows", page())
    ran = flamebot("retry", "--error-code", "refused")
    assert (ran.exit, ran.err.strip()) == (0, "No failed workflow has the code refused.")
