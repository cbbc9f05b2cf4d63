"""A step: a node of a definition, with its action bound."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from flamebot.domain.action import Action
from flamebot.domain.duration import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a definition. `pure` says which face `behaviour` shows."""

    id: str
    action: str
    behaviour: Action
    pure: bool
    delay: Span  # before it runs, after the one before finished
    critical: bool
    timeout: timedelta  # of the whole step, schedule time, counted while not paused
    max_attempts: int | None = None
    description: str | None = None
