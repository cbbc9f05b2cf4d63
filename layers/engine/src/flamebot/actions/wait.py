"""`wait`: nothing until its delay is over."""

from __future__ import annotations

from collections.abc import Mapping

from flamebot.actions.kind import pure_action
from flamebot.actions.step_fields import StepFields
from flamebot.domain.action import Transition


@pure_action("wait", StepFields)
class Wait:
    """A wait has no fields of its own: its delay is all of it."""

    def __init__(self, config: StepFields) -> None:
        """Take the fields, and keep none."""
        del config

    def transition(self, step_id: str, iterations: Mapping[str, int]) -> Transition:
        """Go on with the step after it."""
        del step_id, iterations
        return Transition()

    def targets(self) -> tuple[tuple[str, ...], bool]:
        """Lead to the step after it."""
        return (), True
