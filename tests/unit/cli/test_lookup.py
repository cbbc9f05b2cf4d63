"""What a command's argument names, and advice that leads somewhere."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.cli.canned import NOW, CannedApi, Reply, problem, workflow
from tests.unit.cli.conftest import Flamebot

ID = workflow()["id"]
PAUSED = Reply(200, {"paused": True, "pausedAt": NOW, "pausedMs": 0})


def page(*items: dict[str, Any], following: str | None = None) -> Reply:
    """Return one page of workflows."""
    return Reply(200, {"items": list(items), "nextCursor": following})


def test_a_live_workflow_is_found_behind_fifty_others(api: CannedApi, flamebot: Flamebot) -> None:
    """A retried workflow is live and may have started before fifty that have ended."""
    ended = [workflow(id=f"w{number}", status="stopped") for number in range(50)]
    api.on("GET", "/v1/workflows", page(*ended, following="more"))
    api.on("GET", "/v1/accounts/acct-001", Reply(200, {"liveWorkflowId": ID}))
    api.on("GET", f"/v1/workflows/{ID}", Reply(200, workflow()))
    assert flamebot("show", "acct-001", "--json").json["id"] == ID
    api.on("GET", "/v1/accounts/acct-001", Reply(200, {"liveWorkflowId": None}))
    assert flamebot("show", "acct-001", "--json").json["id"] == "w0"


def test_an_account_without_workflow_can_start_one(api: CannedApi, flamebot: Flamebot) -> None:
    """The advice to start a workflow is given for an account that exists."""
    api.on("GET", "/v1/workflows", page())
    api.on("GET", "/v1/accounts/acct-001", Reply(200, {"liveWorkflowId": None}))
    ran = flamebot("show", "acct-001")
    assert ran.exit == 3
    assert "The account acct-001 has no workflow." in ran.err
    assert "next: `flamebot start acct-001` starts one." in ran.err


def test_an_account_that_does_not_exist_is_imported_first(
    api: CannedApi, flamebot: Flamebot
) -> None:
    """For an unknown id the advice is to list workflows or to import the account."""
    api.on("GET", "/v1/workflows", page())
    ran = flamebot("pause", "acct-none")
    assert (ran.exit, "No workflow and no account has the id acct-none." in ran.err) == (3, True)
    assert "flamebot import FILE" in ran.err


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        (["definitions", "show", "nosuch"], "flamebot definitions list"),
        (["imports", "show", ID], "flamebot imports list"),
        (["start", "acct-none"], "flamebot import FILE"),
    ],
)
def test_what_does_not_exist_leads_to_the_list_of_its_kind(
    flamebot: Flamebot, command: list[str], advice: str
) -> None:
    """After a 404 the advice names the command that lists such things."""
    ran = flamebot(*command)
    assert (ran.exit, f"next: `{advice}`" in ran.err or advice in ran.err) == (3, True)
    assert "flamebot list`" not in ran.err


def test_an_import_that_is_over_is_no_workflow(api: CannedApi, flamebot: Flamebot) -> None:
    """A refusal without allowed actions advises no start of a workflow, unless it is one."""
    over = problem(409, "not_allowed", "The import is over.", allowed=[])
    api.on("POST", f"/v1/imports/{ID}/cancel", over)
    ran = flamebot("imports", "cancel", ID)
    assert (ran.exit, "flamebot start" in ran.err) == (5, False)


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("completed", "`flamebot start acct-001` starts another workflow."),
        ("stopping", f"`flamebot history {ID} --follow` shows when it has stopped."),
    ],
)
def test_a_workflow_that_allows_nothing(
    api: CannedApi, flamebot: Flamebot, status: str, advice: str
) -> None:
    """After its end another one can be started; while it is stopping one can only wait."""
    api.on("GET", f"/v1/workflows/{ID}", Reply(200, workflow(status=status)))
    api.on(
        "POST",
        f"/v1/workflows/{ID}/run-now",
        problem(409, "not_allowed", f"The workflow is {status}.", allowed=[]),
    )
    assert f"next: {advice}" in flamebot("run-now", ID).err


@pytest.mark.parametrize("action", ["run-now", "skip-step"])
def test_a_step_with_an_open_job_is_described_once(
    api: CannedApi, flamebot: Flamebot, action: str
) -> None:
    """The advice does not repeat the refusal, but names the command that waits."""
    detail = "Step s has job j open at the actions service since 12:00. It is polled at 12:01."
    api.on("GET", f"/v1/workflows/{ID}", Reply(200, workflow()))
    api.on("POST", f"/v1/workflows/{ID}/{action}", problem(409, "busy", detail))
    ran = flamebot(action, ID)
    assert ran.exit == 5
    assert ran.err.count("open at the actions service") == 1
    assert f"next: `flamebot history {ID} --follow` shows when the step has ended." in ran.err
    api.on("GET", f"/v1/workflows/{ID}", Reply(200, workflow(status="paused")))
    assert "next: `flamebot resume acct-001` lets the step end." in flamebot(action, ID).err


def test_a_live_workflow_is_named(api: CannedApi, flamebot: Flamebot) -> None:
    """A start that is refused names the workflow that is live."""
    live = problem(409, "already_active", "The account has one.", liveWorkflowId="w-live")
    api.on("POST", "/v1/accounts/acct-001/workflows", live)
    assert "`flamebot show w-live`" in flamebot("start", "acct-001").err


@pytest.mark.parametrize("action", ["run-now", "resume", "retry", "skip-step"])
def test_a_global_pause_is_named_where_a_step_should_begin(
    api: CannedApi, flamebot: Flamebot, action: str
) -> None:
    """Under a global pause the command succeeds, and a note says that nothing begins."""
    api.on("GET", f"/v1/workflows/{ID}", Reply(200, workflow()))
    api.on("POST", f"/v1/workflows/{ID}/{action}", Reply(200, workflow()))
    api.on("GET", "/v1/control", PAUSED)
    ran = flamebot(action, ID)
    assert (ran.exit, "no step begins until `flamebot resume-all`" in ran.err) == (0, True)
    api.on("GET", "/v1/control", problem(403, "forbidden", "No."))
    assert "resume-all" not in flamebot(action, ID).err


def test_a_start_and_a_show_name_the_global_pause(api: CannedApi, flamebot: Flamebot) -> None:
    """`start` notes the global pause, and `show` has it among the fields of a live workflow."""
    api.on("POST", "/v1/accounts/acct-001/workflows", Reply(201, workflow()))
    api.on("GET", f"/v1/workflows/{ID}", Reply(200, workflow()))
    api.on("GET", "/v1/control", PAUSED)
    assert "flamebot resume-all" in flamebot("start", "acct-001").err
    assert "global pause" in flamebot("show", ID).out
    api.on("GET", f"/v1/workflows/{ID}", Reply(200, workflow(status="completed")))
    assert "global pause" not in flamebot("show", ID).out


def test_a_retry_after_a_suspension_says_what_it_depends_on(
    api: CannedApi, flamebot: Flamebot
) -> None:
    """A retry of a suspended account is accepted, and a note says when it fails again."""
    failed = workflow(status="failed", lastError="account_suspended: by the provider")
    api.on("GET", f"/v1/workflows/{ID}", Reply(200, failed))
    api.on("POST", f"/v1/workflows/{ID}/retry", Reply(200, workflow()))
    assert "acct-001 was suspended at the actions service" in flamebot("retry", ID).err
    api.on("GET", f"/v1/workflows/{ID}", Reply(200, workflow(status="failed", lastError="x: y")))
    assert "suspended" not in flamebot("retry", ID).err
