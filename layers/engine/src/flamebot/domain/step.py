"""A step: a node of a definition, with its action bound."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from flamebot.domain.action import EffectAction, PureAction
from flamebot.domain.duration import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class _StepBase:
    id: str
    action: str
    delay: Span  # before it runs, counted from the end of the previous step
    critical: bool  # its failure fails the workflow
    timeout: timedelta  # of the whole step, schedule time; time in a pause does not count
    max_attempts: int | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PureStep(_StepBase):
    """A step without an effect: passed in memory once its delay is over."""

    behaviour: PureAction


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectStep(_StepBase):
    """A step that writes at the actions service: tasks run its phases."""

    behaviour: EffectAction


Step = PureStep | EffectStep
