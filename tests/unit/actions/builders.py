"""Builders of steps, bound from the members that a definition has."""

from __future__ import annotations

from flamebot.actions.registry import REGISTRY
from flamebot.domain.action import EffectAction, PureAction
from flamebot.domain.errors import ValidationIssue
from flamebot.domain.step import EffectStep, PureStep, Step


def issues_of(action: str, **fields: object) -> list[ValidationIssue]:
    """Return everything that is wrong with a step."""
    return REGISTRY[action].bind({"id": "step", "action": action, **fields})[1]


def bound(action: str, **fields: object) -> Step:
    """Return a step; fail if it has an issue."""
    step, issues = REGISTRY[action].bind({"id": "step", "action": action, **fields})
    assert step is not None, issues
    return step


def effect(action: str, **fields: object) -> EffectAction:
    """Return the behaviour of an effect step."""
    step = bound(action, **fields)
    assert isinstance(step, EffectStep)
    return step.behaviour


def pure(action: str, **fields: object) -> PureAction:
    """Return the behaviour of a pure step."""
    step = bound(action, **fields)
    assert isinstance(step, PureStep)
    return step.behaviour
