"""The registry: actions register themselves, each in its own file."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping

import pytest

import flamebot.actions
from flamebot.actions.kind import pure_action
from flamebot.actions.registry import REGISTRY
from flamebot.actions.step_fields import StepFields
from flamebot.domain.action import Transition

ACTIONS = {"wait", "goto", "add_prompt", "add_bio", "swipe_with_spectre"}


def test_the_seeds_five_actions_are_there() -> None:
    """Each in the file of its name."""
    files = {module.name for module in pkgutil.iter_modules(flamebot.actions.__path__)}
    assert set(REGISTRY) == ACTIONS
    assert files >= ACTIONS


def test_a_name_is_taken_only_once() -> None:
    """A second action of a name is an error of the programmer's."""

    class Again:
        def __init__(self, fields: StepFields) -> None:
            del fields

        def transition(self, step_id: str, iterations: Mapping[str, int]) -> Transition:
            return Transition()

        def targets(self) -> tuple[tuple[str, ...], bool]:
            return (), True

    with pytest.raises(ValueError, match="two actions are called wait"):
        pure_action("wait", StepFields)(Again)
    assert REGISTRY["wait"].behave is not Again


def test_the_fields_that_every_step_has_are_handled_once() -> None:
    """Every action takes them, and refuses what it does not know."""
    least: dict[str, dict[str, object]] = {
        "wait": {},
        "goto": {"nextStep": "x", "maxIterations": 1},
        "add_prompt": {},
        "add_bio": {},
        "swipe_with_spectre": {"swipeCount": 1},
    }
    shared: dict[str, object] = {
        "delay": "1m",
        "description": "why",
        "critical": False,
        "timeout": "5m",
        "maxAttempts": 2,
    }
    for name, kind in REGISTRY.items():
        step, issues = kind.bind({"id": "a", "action": name, **least[name], **shared})
        assert issues == []
        assert step is not None
        assert (step.critical, step.max_attempts, step.description) == (False, 2, "why")
        _, issues = kind.bind({"id": "a", "action": name, **least[name], "next_step": 1})
        assert [issue.pointer for issue in issues] == ["/next_step"]


@pytest.mark.parametrize("step_id", ["", "x" * 65, "with space", "ä", 5, None])
def test_an_id_is_short_and_plain(step_id: object) -> None:
    """It stands in paths, logs and keys."""
    _, issues = REGISTRY["wait"].bind({"id": step_id, "action": "wait"})
    assert [issue.pointer for issue in issues] == ["/id"]
