"""Output for programs is complete, or says on standard error that it is not and exits with 6."""

from __future__ import annotations

import json
import re
import shlex

import pytest

from cli.main import parser
from tests.unit.cli.canned import NOW, CannedApi, Reply, RequestModel, workflow
from tests.unit.cli.conftest import Flamebot

MANY = 470


def help_texts() -> dict[str, str]:
    """Return the help of every command, by its words."""
    texts: dict[str, str] = {}
    waiting = [("flamebot", parser())]
    while waiting:
        name, command = waiting.pop()
        texts[name] = command.format_help()
        for action in command._actions:
            if isinstance(action.choices, dict):
                waiting += [(f"{name} {word}", below) for word, below in action.choices.items()]
    return texts


PIPES = sorted(
    {
        line.strip()
        for text in help_texts().values()
        for line in text.splitlines()
        if re.match(r"\s*flamebot .* \| ", line)
    }
)


@pytest.fixture(autouse=True)
def many(api: CannedApi) -> None:
    """Serve more workflows, steps and imports than one page or one screen holds."""

    def pages(request: RequestModel) -> Reply:
        first, size = int(request.query.get("cursor", 0)), int(request.query.get("limit", 50))
        items = [item(number) for number in range(first, min(first + size, MANY))]
        following = str(first + size) if first + size < MANY else None
        return Reply(200, {"items": items, "nextCursor": following})

    def item(number: int) -> dict[str, object]:
        step = {"sequence": number, "stepId": "s", "action": "wait", "attempt": 1, "result": None}
        return {**workflow(id=f"w{number}"), **step, "finishedAt": NOW, "error": None}

    api.on("GET", "/v1/workflows", pages)
    api.on("GET", "/v1/workflows/w0/history", pages)


def test_the_helps_have_pipes() -> None:
    """At least the commands that change workflows show how to pass them a list."""
    assert len(PIPES) >= 7


@pytest.mark.parametrize("pipe", PIPES)
def test_the_list_of_a_pipe_in_a_help_is_complete(flamebot: Flamebot, pipe: str) -> None:
    """What stands before the pipe prints every workflow that matches, and nothing else."""
    listing, _, rest = pipe.partition(" | ")
    ran = flamebot(*shlex.split(listing)[1:])
    assert ran.out.split() == [f"w{number}" for number in range(MANY)]
    assert (ran.exit, ran.err) == (0, "")
    assert rest.startswith("xargs -r ")  # without -r an empty list would be an error of usage


@pytest.mark.parametrize("form", [["--quiet"], ["-q"], ["--json"], ["--quiet", "--all"]])
def test_output_for_programs_is_complete(flamebot: Flamebot, form: list[str]) -> None:
    """Without --limit, ids and JSON have every workflow; the exit status is 0."""
    ran = flamebot("list", *form)
    ids = [item["id"] for item in json.loads(ran.out)] if "--json" in form else ran.out.split()
    assert (len(ids), len(set(ids)), ran.exit, ran.err) == (MANY, MANY, 0, "")


@pytest.mark.parametrize("form", ["--quiet", "--json"])
@pytest.mark.parametrize("limit", [1, 50, 200, 201, MANY - 1])
def test_output_that_a_limit_cuts_says_so(flamebot: Flamebot, form: str, limit: int) -> None:
    """With a --limit below the number of workflows, a warning is printed and 6 is the status."""
    ran = flamebot("list", form, "--limit", str(limit))
    number = len(ran.out.split()) if form == "--quiet" else len(ran.json)
    assert (number, ran.exit) == (limit, 6)
    assert ran.err == f"These are the latest {limit}; there are more: --all prints them.\n"


@pytest.mark.parametrize("form", ["--quiet", "--json"])
@pytest.mark.parametrize("limit", [MANY, MANY + 1])
def test_a_limit_that_cuts_nothing_is_no_reason_to_warn(
    flamebot: Flamebot, form: str, limit: int
) -> None:
    """A --limit of at least the number of workflows is as good as none."""
    ran = flamebot("list", form, "--limit", str(limit))
    assert (ran.exit, ran.err) == (0, "")


def test_a_table_is_a_screen(flamebot: Flamebot) -> None:
    """For people `list` prints fifty workflows and says that there are more."""
    ran = flamebot("list")
    assert (len(ran.out.splitlines()), ran.exit) == (51, 0)
    assert "the latest 50; there are more" in ran.err


def test_a_history_is_complete(api: CannedApi, flamebot: Flamebot) -> None:
    """`history` prints every step; a --limit that leaves some out is reported."""
    api.on("GET", "/v1/workflows/w0", Reply(200, workflow(id="w0")))
    api.on("GET", "/v1/workflows", Reply(200, {"items": [workflow(id="w0")], "nextCursor": None}))
    assert len(flamebot("history", "acct-001", "--json").json) == MANY
    ran = flamebot("history", "acct-001", "--json", "--limit", "3")
    assert (len(ran.json), ran.exit) == (3, 6)
    assert "the first 3 steps; there are more" in ran.err
    ran = flamebot("history", "acct-001", "--limit", "3")
    assert (ran.exit, "there are more" in ran.err) == (0, True)
