"""The commands of `flamebot definitions`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.cli.canned import NOW, CannedApi, Reply, problem
from tests.unit.cli.conftest import Flamebot

TEXT = """\
type: test
name: Test
steps:
  - id: first
    action: wait
    delay: 30s
  - id: second
    action: nonsense
"""
STEPS = [{"id": "first", "action": "wait", "delay": "30s"}, {"id": "second", "action": "nonsense"}]
VALID = Reply(200, {"valid": True, "errors": [], "warnings": []})
WARNED = Reply(
    200,
    {
        "valid": True,
        "errors": [],
        "warnings": [{"pointer": "/steps/0/delay", "detail": "Only 2 attempts fit."}],
    },
)
ISSUES = [
    {"pointer": "/steps/1/action", "detail": "Unknown action."},
    {"pointer": "/config/x", "detail": "Unknown field."},
]


def version(number: int) -> dict[str, Any]:
    """Return a published definition."""
    return {
        "type": "test",
        "version": number,
        "name": "Test",
        "description": "",
        "config": {},
        "steps": STEPS,
        "isActive": True,
        "createdAt": NOW,
    }


@pytest.fixture
def file() -> str:
    """A file with a definition."""
    Path("test.yaml").write_text(TEXT, encoding="utf-8")
    return "test.yaml"


def test_list_counts_workflows(api: CannedApi, flamebot: Flamebot) -> None:
    """`list` shows each definition's current version and its workflows by status."""
    item = {
        "type": "test",
        "version": 3,
        "name": "Test",
        "description": "",
        "totalSteps": 2,
        "instances": {"active": 1200, "failed": 0},
    }
    api.on("GET", "/v1/definitions", Reply(200, {"items": [item]}))
    assert flamebot("definitions", "list").out.splitlines()[1].split() == [
        "test",
        "v3",
        "2",
        "1,200",
        "active",
        "Test",
    ]
    assert flamebot("definitions", "list", "--json").json == [item]


def test_what_show_prints_can_be_applied(api: CannedApi, flamebot: Flamebot) -> None:
    """`show` prints a file for `apply`, without the fields that publishing added."""
    api.on("GET", "/v1/definitions/test", Reply(200, version(3)))
    api.on("GET", "/v1/definitions/test/versions/1", Reply(200, version(1)))
    ran = flamebot("definitions", "show", "test")
    assert ran.out.startswith("# version 3, published 2026-03-01")
    assert yaml.safe_load(ran.out) == {
        "type": "test",
        "name": "Test",
        "description": "",
        "config": {},
        "steps": STEPS,
    }
    assert flamebot("definitions", "show", "test", "--version", "1", "--json").json["version"] == 1


def test_validate_points_into_the_file(api: CannedApi, flamebot: Flamebot, file: str) -> None:
    """`validate` prints every error with file, line and column.

    A missing field has the position of its parent.
    """
    api.on("POST", "/v1/definitions/validate", Reply(200, {"valid": False, "errors": ISSUES}))
    ran = flamebot("definitions", "validate", file)
    assert ran.exit == 1
    lines = ran.out.splitlines()
    assert lines[1].split()[:2] == ["test.yaml:8:13", "/steps/1/action"]
    assert lines[2].startswith("test.yaml:1:1")
    positions = [
        issue["position"]
        for issue in flamebot("definitions", "validate", file, "--json").json["errors"]
    ]
    assert positions == ["test.yaml:8:13", "test.yaml:1:1"]


def test_a_valid_definition_is_reported_as_valid(api: CannedApi, flamebot: Flamebot) -> None:
    """`validate` reads JSON as well as YAML and sends the document unchanged."""
    api.on("POST", "/v1/definitions/validate", VALID)
    Path("test.json").write_text(
        json.dumps({"type": "test", "name": "Test", "steps": STEPS}), encoding="utf-8"
    )
    assert flamebot("definitions", "validate", "test.json").exit == 0
    assert api.requests[0].body == {"type": "test", "name": "Test", "steps": STEPS}


def test_warnings_have_positions_and_do_not_stop(
    api: CannedApi, flamebot: Flamebot, file: str
) -> None:
    """`validate`, `apply` and its dry run print them to standard error, and succeed."""
    api.on("POST", "/v1/definitions/validate", WARNED)
    api.on("PUT", "/v1/definitions/test", Reply(201, version(1)))
    for command in (("validate", file), ("apply", file, "--dry-run"), ("apply", file)):
        ran = flamebot("definitions", *command)
        assert ran.exit == 0
        assert "warning: test.yaml:6:12  Only 2 attempts fit." in ran.err
        assert "warning" not in ran.out
    checked = flamebot("definitions", "validate", file, "--json").json
    assert [one["position"] for one in checked["warnings"]] == ["test.yaml:6:12"]


def test_a_server_without_warnings_is_fine(api: CannedApi, flamebot: Flamebot, file: str) -> None:
    """An earlier version of the API sends none."""
    api.on("POST", "/v1/definitions/validate", Reply(200, {"valid": True, "errors": []}))
    assert flamebot("definitions", "validate", file).exit == 0
    assert flamebot("definitions", "validate", file, "--json").json["warnings"] == []


def test_a_long_reason_is_not_cut(api: CannedApi, flamebot: Flamebot, file: str) -> None:
    """Its end says what to write instead."""
    issue = {"pointer": "/steps/0/delay", "detail": "Not a duration. " * 20 + "Write PT1H30M."}
    api.on("POST", "/v1/definitions/validate", Reply(200, {"valid": False, "errors": [issue]}))
    assert "Write PT1H30M." in flamebot("definitions", "validate", file).out


def test_the_help_says_that_running_workflows_are_not_moved(flamebot: Flamebot) -> None:
    """I11: it names the way round."""
    text = flamebot("definitions", "apply", "--help").out
    assert "no command\nmoves them" in text
    assert "flamebot stop acct-001" in text
    assert "flamebot start acct-001" in text


def test_apply_follows_the_current_version(api: CannedApi, flamebot: Flamebot, file: str) -> None:
    """`apply` publishes on the condition that the current version has not changed."""
    api.on("POST", "/v1/definitions/validate", VALID)
    api.on("GET", "/v1/definitions/test", Reply(200, version(3)))
    api.on("PUT", "/v1/definitions/test", Reply(200, version(4)))
    ran = flamebot("definitions", "apply", file)
    assert (ran.exit, "test is now version 4" in ran.out) == (0, True)
    assert api.requests[-1].headers["if-match"] == '"3"'
    assert api.requests[-1].body == yaml.safe_load(TEXT)


def test_apply_of_the_first_version(api: CannedApi, flamebot: Flamebot, file: str) -> None:
    """A new type is published on the condition that it still does not exist."""
    api.on("POST", "/v1/definitions/validate", VALID)
    api.on("PUT", "/v1/definitions/test", Reply(201, version(1)))
    assert "test is now version 1" in flamebot("definitions", "apply", file).out
    assert api.requests[-1].headers["if-none-match"] == "*"
    assert "if-match" not in api.requests[-1].headers


def test_apply_of_the_same_changes_nothing(api: CannedApi, flamebot: Flamebot, file: str) -> None:
    """`apply` of the current content reports that nothing changed."""
    api.on("POST", "/v1/definitions/validate", VALID)
    api.on("GET", "/v1/definitions/test", Reply(200, version(3)))
    api.on("PUT", "/v1/definitions/test", Reply(200, version(3)))
    assert "nothing changed" in flamebot("definitions", "apply", file).out


def test_apply_never_overwrites_another_version(
    api: CannedApi, flamebot: Flamebot, file: str
) -> None:
    """--if-version sets the condition; a newer version is a conflict with advice."""
    api.on("POST", "/v1/definitions/validate", VALID)
    api.on(
        "PUT",
        "/v1/definitions/test",
        problem(412, "precondition_failed", "There is a newer version."),
    )
    ran = flamebot("definitions", "apply", file, "--if-version", "2")
    assert api.requests[-1].headers["if-match"] == '"2"'
    assert (ran.exit, "flamebot definitions show" in ran.err) == (5, True)


def test_a_issueed_definition_is_not_published(
    api: CannedApi, flamebot: Flamebot, file: str
) -> None:
    """An invalid definition is not published, and --dry-run never publishes."""
    api.on(
        "POST", "/v1/definitions/validate", Reply(200, {"valid": False, "errors": ISSUES}), VALID
    )
    ran = flamebot("definitions", "apply", file)
    assert (ran.exit, "test.yaml:8:13" in ran.out, "2 errors" in ran.err) == (1, True, True)
    ran = flamebot("definitions", "apply", file, "--dry-run")
    assert (ran.exit, "would be version 1" in ran.out) == (0, True)
    assert not any(request.method == "PUT" for request in api.requests)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("steps: [", "a.yaml:1:9  It is not YAML"),
        ("- a\n- b\n", "a.yaml:1:1  It contains no definition"),
        ("", "contains no definition"),
        ("type: test\nsteps:\n  - id: a\n    id: b\n", 'a.yaml:4:5  Repeats the name "id"'),
        ("type: test\nat: !!python/object:os.system x\n", "a.yaml:2:5  Has the tag !!python"),
        ("[" * 5000, "a.yaml:1:34  Nested more than 32 levels"),
        ("a: *unknown", "a.yaml:1:4  There is no anchor"),
    ],
)
def test_a_file_that_is_none_is_refused(
    api: CannedApi, flamebot: Flamebot, text: str, why: str
) -> None:
    """A file that cannot be a definition is rejected with the reason and not sent."""
    Path("a.yaml").write_text(text, encoding="utf-8")
    ran = flamebot("definitions", "validate", "a.yaml")
    assert ran.exit == 2
    assert why in ran.err
    assert api.requests == []
