"""A definition: the published, immutable, versioned description of a workflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from flamebot.domain.backoff import RetryPolicy
from flamebot.domain.errors import ValidationIssue
from flamebot.domain.ids import DefinitionId
from flamebot.domain.step import Step


class ActionKind(Protocol):
    """A factory of one action's steps: an entry of the registry.

    The domain gets the registry as an argument and never imports it.
    """

    def bind(
        self, fields: Mapping[str, object], *, published: bool = False
    ) -> tuple[Step | None, list[ValidationIssue]]:
        """Read a step as a definition writes it.

        Args:
            fields: The members of the step.
            published: The step belongs to a published definition: rules about the contents of
                texts, which may be newer than the definition, are not applied.

        Returns:
            The step and no issues, or None and every issue; pointers start at the step.
        """
        ...


Registry = Mapping[str, ActionKind]


NOT_STORED = DefinitionId(0)  # of a definition that has no row


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One version of a definition, with its actions bound. The planner follows it."""

    definition_id: DefinitionId = NOT_STORED
    type: str
    version: int
    name: str
    steps: tuple[Step, ...]
    retry: RetryPolicy
    max_reclaims: int
    # The engine's own limit: even if a step may be tried only once, the cancellation of its job
    # is tried several times.
    cancel_attempts: int
    description: str = ""
    _indexes: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the steps by id: the planner looks one up for every task."""
        indexes = {step.id: index for index, step in enumerate(self.steps)}
        object.__setattr__(self, "_indexes", indexes)

    @property
    def total_steps(self) -> int:
        """The number of steps in the definition."""
        return len(self.steps)

    def step_index(self, step_id: str) -> int:
        """Return a step's index, from 0. Raises `KeyError` for a step of another definition."""
        return self._indexes[step_id]

    def max_attempts(self, step: Step) -> int:
        """Return how often a step may be tried: its own limit wins over the definition's."""
        return step.max_attempts or self.retry.max_attempts
