"""Steps, bound from what a definition says."""

from __future__ import annotations

from typing import cast

from flamebot.actions.registry import REGISTRY
from flamebot.domain.action import EffectAction, PureAction
from flamebot.domain.errors import ValidationIssue


def issues_of(action: str, **fields: object) -> list[ValidationIssue]:
    """What is wrong with a step."""
    return REGISTRY[action].bind({"id": "step", "action": action, **fields})[1]


def bound(action: str, **fields: object) -> PureAction | EffectAction:
    """A step's behaviour; fails if it has a issue."""
    step, issues = REGISTRY[action].bind({"id": "step", "action": action, **fields})
    assert step is not None, issues
    return step.behaviour


def effect(action: str, **fields: object) -> EffectAction:
    """The behaviour of a step with an effect."""
    return cast(EffectAction, bound(action, **fields))


def pure(action: str, **fields: object) -> PureAction:
    """The behaviour of a step without one."""
    return cast(PureAction, bound(action, **fields))
