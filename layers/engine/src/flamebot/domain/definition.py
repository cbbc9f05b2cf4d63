"""A definition: the published, immutable, versioned description of a workflow, with its actions bound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from flamebot.domain.backoff import RetryPolicy
from flamebot.domain.errors import ValidationIssue
from flamebot.domain.step import Step


class ActionKind(Protocol):
    """What makes steps of one action: an entry of the registry, which the domain is given and never imports."""

    def bind(
        self, fields: Mapping[str, object], *, published: bool = False
    ) -> tuple[Step | None, list[ValidationIssue]]:
        """Read a step as a definition writes it; the step, or everything that is wrong with it, pointers from the step on.

        A step of a definition that is `published` is not judged again by rules about what texts may say.
        """
        ...


Registry = Mapping[str, ActionKind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One version of a definition. What the planner follows."""

    definition_id: int = 0  # of its row; 0: not stored
    type: str
    version: int
    name: str
    steps: tuple[Step, ...]
    retry: RetryPolicy
    max_reclaims: int
    cancel_attempts: int  # the engine's own limit: a step that may be tried only once still has its job cancelled with patience
    description: str = ""
    places: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Remember where each step is."""
        object.__setattr__(
            self, "places", {step.id: place for place, step in enumerate(self.steps)}
        )

    @property
    def total_steps(self) -> int:
        """How many steps there are."""
        return len(self.steps)

    def place(self, step_id: str) -> int:
        """Where a step is, from 0. Raises `KeyError` for a step of another definition."""
        return self.places[step_id]

    def max_attempts(self, step: Step) -> int:
        """How often a step's effect may be tried: the step's own limit beats the definition's."""
        return step.max_attempts or self.retry.max_attempts
