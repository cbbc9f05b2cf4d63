"""`wait`: do nothing until the step's delay is over."""

from __future__ import annotations

from collections.abc import Mapping

from flamebot.actions.kind import pure_action
from flamebot.actions.step_fields import StepFields
from flamebot.domain.action import Transition


@pure_action("wait", StepFields)
class Wait:
    """Waits: the delay, which every step has, is all it needs."""

    def __init__(self, config: StepFields) -> None:
        """Take the fields of the step; none is used."""
        del config

    def transition(self, step_id: str, iterations: Mapping[str, int]) -> Transition:
        """Continue with the next step."""
        del step_id, iterations
        return Transition()

    def targets(self) -> tuple[tuple[str, ...], bool]:
        """Return no target: the next step follows."""
        return (), True
