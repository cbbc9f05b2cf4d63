"""The commands `list`, `show` and `history`, and those that change workflows."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.canned import NOW, CannedApi, Reply, RequestModel, problem, workflow
from tests.unit.cli.conftest import Flamebot

ID = workflow()["id"]
SHOW = ("GET", f"/v1/workflows/{ID}")


def page(*items: dict[str, Any], following: str | None = None) -> Reply:
    """Return one page of a list's items."""
    return Reply(200, {"items": list(items), "nextCursor": following})


def entry(sequence: int, status: str = "completed", **changes: Any) -> dict[str, Any]:
    """Return an entry of a history."""
    fields = {
        "sequence": sequence,
        "stepId": f"s{sequence}",
        "action": "wait",
        "status": status,
        "attempt": 1,
    }
    return {**fields, "startedAt": NOW, "finishedAt": NOW, "result": None, "error": None, **changes}


def test_list_is_a_table(api: CannedApi, flamebot: Flamebot) -> None:
    """`list` prints one workflow per line, without colours if there is no terminal."""
    api.on(
        "GET",
        "/v1/workflows",
        page(
            workflow(),
            workflow(accountId="acct-2", status="failed", lastError="refused: no\x1b[31m\nmore"),
        ),
    )
    ran = flamebot("list")
    head, first, second = ran.out.splitlines()
    assert head.split()[:4] == ["ACCOUNT", "WORKFLOW", "TYPE", "STATUS"]
    assert first.split() == [
        "acct-001",
        ID,
        "default",
        "v2",
        "active",
        "swipe",
        "(2/5)",
        "2026-03-01",
        "12:00:00Z",
        "-",
    ]
    assert second.endswith("refused: no?[31m more")
    assert "\x1b" not in ran.out


def test_list_filters_at_the_api(api: CannedApi, flamebot: Flamebot) -> None:
    """Filters become query parameters of the API; absent filters are not sent."""
    api.on("GET", "/v1/workflows", page())
    ran = flamebot(
        "list",
        "--status",
        "failed",
        "--type",
        "test",
        "--account",
        "a",
        "--step",
        "s",
        "--error",
        "x",
        "--due-before",
        NOW,
    )
    (request,) = api.requests
    expected = {
        "status": "failed",
        "type": "test",
        "accountId": "a",
        "stepId": "s",
        "error": "x",
        "dueBefore": NOW,
        "limit": "50",
    }
    assert request.query == expected
    assert "No workflow matches" in ran.err


def test_list_goes_through_the_pages(api: CannedApi, flamebot: Flamebot) -> None:
    """--all reads every page, --limit stops early, --quiet prints ids only."""

    def pages(request: RequestModel) -> Reply:
        number = int(request.query.get("cursor", 0))
        size = int(request.query["limit"])
        return page(
            *[workflow(id=f"w{number}-{n}") for n in range(size)],
            following=str(number + 1) if number < 2 else None,
        )

    api.on("GET", "/v1/workflows", pages)
    assert len(flamebot("list", "--all", "--quiet").out.split()) == 600
    assert len(flamebot("list", "--limit", "250", "--quiet").out.split()) == 250
    assert len(flamebot("list", "--limit", "3", "--json").json) == 3


def test_show_takes_a_workflows_id(api: CannedApi, flamebot: Flamebot) -> None:
    """`show` prints a workflow by its id, with its allowed actions."""
    api.on(*SHOW, Reply(200, workflow()))
    ran = flamebot("show", ID)
    shown = dict(line.split("  ", 1) for line in ran.out.splitlines())
    assert shown["allowed"].strip() == "pause, stop"
    assert shown["loops"].strip() == "again: 3"
    assert flamebot("show", ID, "--json").json == workflow()


def test_show_takes_an_accounts_id(api: CannedApi, flamebot: Flamebot) -> None:
    """An account's id selects its live workflow, else its latest; without any, it is checked."""
    over, live = workflow(id="w-over", status="completed"), workflow(id="w-live", status="paused")
    api.on(
        "GET",
        "/v1/workflows",
        page(over, live),
        page(over, workflow(id="w-older", status="failed")),
        page(),
    )
    assert flamebot("show", "acct-001", "--json").json["id"] == "w-live"
    assert flamebot("show", "acct-001", "--json").json["id"] == "w-over"
    ran = flamebot("show", "acct-001")
    assert ran.exit == 3
    assert "flamebot start acct-001" in ran.err
    assert {request.query.get("accountId", request.path) for request in api.requests} == {
        "acct-001",
        "/v1/accounts/acct-001",
    }


def test_an_account_may_be_called_like_a_workflow(api: CannedApi, flamebot: Flamebot) -> None:
    """A UUID that is not a workflow's id is taken as an account's id."""
    api.on("GET", "/v1/workflows", page(workflow(id="w-1")))
    assert flamebot("show", ID, "--json").json["id"] == "w-1"


def test_history_is_a_table(api: CannedApi, flamebot: Flamebot) -> None:
    """`history` prints steps with results and errors from all pages, oldest first."""
    api.on(*SHOW, Reply(200, workflow()))
    done = entry(2, result={"performed": 5})
    failed = entry(3, "failed", error="step_timeout: too slow", attempt=3)
    api.on("GET", f"{SHOW[1]}/history", page(entry(1), done, following="c"), page(failed))
    lines = flamebot("history", ID).out.splitlines()
    assert [line.split()[1] for line in lines[1:]] == ["s1", "s2", "s3"]
    assert lines[2].endswith('{"performed": 5}')
    assert lines[3].endswith("step_timeout: too slow")


@pytest.mark.parametrize(("end", "code"), [("completed", 0), ("stopped", 0), ("failed", 1)])
def test_history_follows_to_the_end(
    api: CannedApi, flamebot: Flamebot, monkeypatch: pytest.MonkeyPatch, end: str, code: int
) -> None:
    """--follow prints each step once until the workflow ends; the status is 1 if it failed."""
    monkeypatch.setattr("cli.commands.workflows._FOLLOW_SECONDS", 0.01)
    states = [Reply(200, workflow(status=status)) for status in ("active", "active", "active", end)]
    api.on(*SHOW, *states)
    api.on(
        "GET",
        f"{SHOW[1]}/history",
        page(entry(1)),
        page(entry(1), entry(2)),
        page(entry(1), entry(2), entry(3)),
    )
    ran = flamebot("history", ID, "--follow")
    assert [line.split()[2] for line in ran.out.splitlines()] == ["#1", "#2", "#3"]
    assert (ran.exit, f"The workflow is {end}." in ran.err) == (code, True)


@pytest.mark.parametrize("action", ["pause", "resume", "stop", "retry", "run-now", "skip-step"])
def test_a_workflow_is_changed_by_name(api: CannedApi, flamebot: Flamebot, action: str) -> None:
    """Each control command sends the reason and prints the workflow's new state."""
    api.on("GET", "/v1/workflows", page(workflow()))
    api.on(
        "POST",
        f"/v1/workflows/{ID}/{action}",
        Reply(200, workflow(status="paused", effectInFlight=True)),
    )
    ran = flamebot(action, "acct-001", "--reason", "because")
    assert ran.exit == 0
    assert ran.out.startswith(f"acct-001  {ID}  paused")
    assert "may still finish" in ran.out
    assert api.requests[-1].body == {"reason": "because"} | (
        {"clock": "freeze"} if action == "resume" else {}
    )
    assert flamebot(action, "acct-001", "--json").json["status"] == "paused"


def test_resume_may_keep_the_old_due_time(api: CannedApi, flamebot: Flamebot) -> None:
    """--clock of `resume` chooses between the remaining wait and the old due time."""
    api.on(*SHOW, Reply(200, workflow()))
    api.on("POST", f"/v1/workflows/{ID}/resume", Reply(200, workflow()))
    flamebot("resume", ID, "--clock", "run_on")
    assert api.requests[-1].body == {"clock": "run_on"}


def test_a_pause_tells_its_undoing(api: CannedApi, flamebot: Flamebot) -> None:
    """An action that can be undone runs without a question and prints the command to undo it."""
    api.on(*SHOW, Reply(200, workflow()))
    api.on("POST", f"/v1/workflows/{ID}/pause", Reply(200, workflow(status="paused")))
    assert "undo: flamebot resume acct-001" in flamebot("pause", ID).err


def test_a_stop_at_a_terminal_is_confirmed(
    api: CannedApi, flamebot: Flamebot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`stop` asks for confirmation on a terminal, except with --yes."""
    api.on(*SHOW, Reply(200, workflow()))
    api.on("POST", f"/v1/workflows/{ID}/stop", Reply(200, workflow(status="stopped")))

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert flamebot("stop", ID).exit == 2
    assert api.requests == []
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert flamebot("stop", ID).exit == 0
    monkeypatch.setattr("sys.stdin", Terminal(""))
    assert flamebot("stop", ID, "--yes").exit == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert flamebot("stop", ID).exit == 0


def test_what_is_not_allowed_says_what_is(api: CannedApi, flamebot: Flamebot) -> None:
    """A conflict exits with 5 and lists the allowed actions."""
    api.on(*SHOW, Reply(200, workflow()))
    refusal = problem(
        409,
        "not_allowed",
        "The workflow's status does not allow this action.",
        allowed=["resume", "stop"],
    )
    api.on("POST", f"/v1/workflows/{ID}/retry", refusal)
    ran = flamebot("retry", ID)
    assert ran.exit == 5
    assert "Allowed now: resume, stop." in ran.err
    assert "request: req-1" in ran.err


def test_some_done_and_some_not(api: CannedApi, flamebot: Flamebot) -> None:
    """Each of several workflows is tried; the status is 6 if some failed.

    If all failed it is the status of the first failure.
    """
    api.on(
        "GET",
        "/v1/workflows",
        lambda request: page(workflow()) if request.query["accountId"] == "good" else page(),
    )
    api.on("POST", f"/v1/workflows/{ID}/pause", Reply(200, workflow(status="paused")))
    ran = flamebot("pause", "none", "good")
    assert (ran.exit, "acct-001" in ran.out, "pause of none failed" in ran.err) == (6, True, True)
    assert flamebot("pause", "none", "unknown").exit == 3


def test_start_takes_accounts(api: CannedApi, flamebot: Flamebot) -> None:
    """`start` starts a workflow for each account; a live workflow is a conflict."""
    path = "/v1/accounts/acct%2F1/workflows"
    api.on(
        "POST",
        path,
        Reply(201, workflow()),
        problem(409, "already_active", "The account has a live workflow already."),
    )
    ran = flamebot("start", "acct/1", "--type", "test", "--reason", "r")
    assert (ran.exit, ID in ran.out) == (0, True)
    assert api.requests[0].body == {"workflowType": "test", "reason": "r"}
    ran = flamebot("start", "acct/1")
    assert (ran.exit, "flamebot show" in ran.err) == (5, True)


def test_start_of_an_unknown_account_says_to_import_it(flamebot: Flamebot) -> None:
    """`start` of an unknown account advises to import it."""
    ran = flamebot("start", "unknown")
    assert (ran.exit, "flamebot import" in ran.err) == (3, True)


def test_without_an_api_nothing_is_tried_twice(api: CannedApi, flamebot: Flamebot) -> None:
    """When the token is rejected, the other workflows are not tried."""
    api.on("GET", "/v1/workflows", Reply(401, {"message": "Unauthorized"}))
    assert flamebot("pause", "a", "b", "c").exit == 4
    assert len(api.requests) == 1


def test_an_unexpected_error_points_to_the_local_log(
    api: CannedApi, flamebot: Flamebot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On the local stack `show` and `history` name the log of an unexpected error."""
    monkeypatch.delenv("FLAMEBOT_API_URL")
    stack = tmp_path / ".flamebot"
    stack.mkdir()
    (stack / "stack.json").write_text(json.dumps({"apiUrl": api.url, "token": "t"}))
    monkeypatch.chdir(tmp_path)
    failed = workflow(status="failed", lastError="unexpected: KeyError (attempt 3 of 3)")
    api.on("GET", f"/v1/workflows/{ID}", Reply(200, failed))
    api.on(
        "GET",
        f"/v1/workflows/{ID}/history",
        page({**entry(1), "error": "unexpected: KeyError"}),
        page({**entry(1), "error": "refused: no"}),
    )
    log = f"next: {stack / 'logs' / 'step.log'}"
    assert log in flamebot("show", ID).err
    assert log in flamebot("history", ID).err
    assert "next:" not in flamebot("history", ID).err


def test_empty_lists_are_explained(api: CannedApi, flamebot: Flamebot) -> None:
    """Without any workflow `list` advises an import; without any step `history` says so."""
    api.on("GET", "/v1/workflows", page())
    assert "flamebot import FILE" in flamebot("list").err
    assert flamebot("list", "--type", "nope").err == "No workflow matches.\n"
    api.on("GET", f"/v1/workflows/{ID}", Reply(200, workflow()))
    api.on("GET", f"/v1/workflows/{ID}/history", page())
    assert flamebot("history", ID).err == "No step has finished yet.\n"
