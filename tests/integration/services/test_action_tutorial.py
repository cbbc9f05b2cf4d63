"""The tutorial "Write an action": its file, its test, its workflow and its commands work."""

from __future__ import annotations

import importlib
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import flamebot.actions
from cli.main import parser
from devstack.actions_service.api import read_api
from flamebot.actions import kind, registry
from flamebot.actions.schema import definition_schema
from flamebot.domain.document import read_definition
from flamebot.domain.text_rules import issues_in
from tests.integration.services.engine import POLICY, Engine

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "tutorial" / "write-an-action.md"
ACTION, TEST, DEFINITION = "send_greeting.py", "test_send_greeting.py", "greeting.yaml"
MODULE = "flamebot.actions.send_greeting"


def block(name: str) -> str:
    """Return the content of the file that the page tells to create."""
    found = re.search(
        rf"Create `(?:[\w/]+/)?{re.escape(name)}`:\n\n```\w+\n(.*?)```", PAGE.read_text(), re.DOTALL
    )
    assert found, f"the page does not tell to create {name}"
    return found[1]


@pytest.fixture
def action(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The action of the page, in a folder that is part of the actions' package for one test."""
    folder = tmp_path / "actions"
    folder.mkdir()
    (folder / ACTION).write_text(block(ACTION))
    monkeypatch.setattr(flamebot.actions, "__path__", [*flamebot.actions.__path__, str(folder)])
    _forget()
    yield
    kind._KINDS.pop("send_greeting", None)
    sys.modules.pop(MODULE, None)
    _forget()


def _forget() -> None:
    """Make the next use of the registry import the actions again."""
    registry._kinds.cache_clear()
    read_api.cache_clear()
    importlib.invalidate_caches()


def test_the_workflow_of_the_page_runs_to_its_end(action: None, engine: Engine) -> None:
    """The text is generated, submitted under its key, polled and recorded, with one effect."""
    document = yaml.safe_load(block(DEFINITION))
    definition, issues = read_definition(document, registry.REGISTRY, POLICY)
    assert definition is not None, issues
    engine.define(*document["steps"], name=document["type"])
    instance = engine.start(document["type"])
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"
    assert engine.history(instance) == [("settle", "completed"), ("greet", "completed")]
    assert engine.effects() == ["updateGreeting"]
    tasks = {task["phase"]: task for task in engine.tasks(instance)}
    assert list(tasks) == ["timer", "generate", "submit", "poll"]
    (write,) = engine.writes("updateGreeting")
    assert (write["key"], write["status"]) == (tasks["submit"]["task_id"], 202)
    text = tasks["poll"]["result"]["text"]
    assert tasks["generate"]["result"]["text"] == text
    assert issues_in(text, 120) == []
    (job,) = engine.actions.provider.ledger("acc")["jobs"]
    assert (job["body"], job["status"]) == ({"text": text}, "succeeded")


def test_the_schema_of_definitions_has_the_action(action: None) -> None:
    """The JSON Schema follows the model of the action's file."""
    schema = definition_schema()["$defs"]["send_greeting"]
    assert "greeting" in schema["properties"]


def test_the_simulated_service_checks_the_declared_body(action: None) -> None:
    """A body that the action does not declare is refused."""
    found = read_api().match("PUT", "/accounts/acc/greeting")
    assert found is not None
    operation, parameters = found
    assert operation.issues(parameters, "key-of-a-task", {"text": "Hello!"}) == []
    assert operation.issues(parameters, "key-of-a-task", {"text": ""}) != []
    assert operation.issues(parameters, None, {"text": "Hello!"}) != []


def test_the_test_of_the_page_passes(action: None) -> None:
    """The test file of the page has two tests, and both pass."""
    module = ModuleType("test_send_greeting")
    exec(compile(block(TEST), TEST, "exec"), module.__dict__)
    tests = [value for name, value in vars(module).items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()


def test_the_commands_of_the_page_exist() -> None:
    """Each command is a target of the Makefile, or is accepted by the command line."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = re.findall(r"^\$ (.*)$", PAGE.read_text(), re.MULTILINE)
    assert commands
    for command in commands:
        program, *arguments = shlex.split(command)
        if program == "make":
            assert arguments[0] in targets, command
            continue
        assert program == ".venv/bin/flamebot", command
        parser().parse_args(arguments)
        files = [name for name in arguments if "/" in name]
        assert [name for name in files if not (ROOT / name).exists()] == [], command


def test_the_links_of_the_page_lead_to_files() -> None:
    """Each relative link names a file of the repository."""
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", PAGE.read_text())
    assert links
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
