"""The registry: actions register themselves, each in its own file."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from typing import Any

import pytest

import flamebot.actions
from flamebot.actions.kind import Kind, pure_action
from flamebot.actions.registry import REGISTRY
from flamebot.actions.step_fields import StepFields
from flamebot.domain.action import Transition

SHIPPED = {"wait", "goto", "add_prompt", "add_bio", "swipe_with_spectre"}


def least(kind: Kind) -> dict[str, object]:
    """Return the members that a step of this action needs at least, by its JSON Schema."""
    schema = kind.fields.model_json_schema(by_alias=True)
    alternatives: list[dict[str, Any]] = schema.get("oneOf", [{}])
    required = {*schema["required"], *alternatives[0].get("required", [])} - {"id", "action"}
    return {name: _example(schema["properties"][name]) for name in required}


def _example(schema: Mapping[str, Any]) -> object:
    schema = schema.get("anyOf", [schema])[0]
    examples = {"string": "x", "integer": 1, "number": 1, "boolean": True, "object": {}}
    return examples[schema["type"]]


def test_every_action_is_in_the_file_of_its_name() -> None:
    """The five actions that were there first are still there, each in its file."""
    files = {module.name for module in pkgutil.iter_modules(flamebot.actions.__path__)}
    assert set(REGISTRY) >= SHIPPED
    assert files >= set(REGISTRY)


def test_a_name_is_taken_only_once() -> None:
    """A second action of the same name raises an error when its file is imported."""

    class Again:
        def __init__(self, fields: StepFields) -> None:
            del fields

        def transition(self, step_id: str, iterations: Mapping[str, int]) -> Transition:
            return Transition()

        def targets(self) -> tuple[tuple[str, ...], bool]:
            return (), True

    before = REGISTRY["wait"]
    with pytest.raises(ValueError, match="two actions are called wait"):
        pure_action("wait", StepFields)(Again)
    assert REGISTRY["wait"] is before


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_the_fields_of_every_step_are_handled_once(name: str) -> None:
    """Every action accepts them, and refuses unknown ones."""
    kind = REGISTRY[name]
    shared: dict[str, object] = {
        "delay": "1m",
        "description": "why",
        "critical": False,
        "timeout": "5m",
        "maxAttempts": 2,
    }
    step, issues = kind.bind({"id": "a", "action": name, **least(kind), **shared})
    assert issues == []
    assert step is not None
    assert (step.critical, step.max_attempts, step.description) == (False, 2, "why")
    _, issues = kind.bind({"id": "a", "action": name, **least(kind), "next_step": 1})
    assert [issue.pointer for issue in issues] == ["/next_step"]


@pytest.mark.parametrize("step_id", ["", "x" * 65, "with space", "ä", 5, None])
def test_an_id_is_short_and_plain(step_id: object) -> None:
    """Ids of steps occur in paths, logs and keys."""
    _, issues = REGISTRY["wait"].bind({"id": step_id, "action": "wait"})
    assert [issue.pointer for issue in issues] == ["/id"]
