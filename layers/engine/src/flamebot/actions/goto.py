"""`goto`: continue with another step, up to a limit or without one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from flamebot.actions.kind import pure_action
from flamebot.actions.step_fields import StepFields
from flamebot.domain.action import Transition
from flamebot.domain.errors import ValidationIssue

MOST_ITERATIONS = 1_000_000_000

_LIMITED: JsonDict = {
    "required": ["maxIterations"],
    "properties": {"infiniteAllowed": {"const": False}},
}
_ENDLESS: JsonDict = {
    "required": ["infiniteAllowed"],
    "properties": {"infiniteAllowed": {"const": True}},
    "not": {"required": ["maxIterations"]},
}


class GotoFields(StepFields):
    """A jump. Its delay lies between the jump and its target.

    At the limit it does not jump, and its delay does not apply.
    """

    model_config = ConfigDict(json_schema_extra={"oneOf": [_LIMITED, _ENDLESS]})

    next_step: str = Field(description="The id of the step to continue with")
    max_iterations: int | None = Field(
        default=None, ge=1, le=MOST_ITERATIONS, description="The number of jumps"
    )
    infinite_allowed: bool = Field(
        default=False, description="Jumps without a limit; excludes maxIterations"
    )
    on_limit: Literal["continue", "fail"] = Field(
        default="continue", description="At the limit: continue with the next step, or fail"
    )

    @classmethod
    def contradictions(cls, fields: Mapping[str, object]) -> list[ValidationIssue]:
        """Require either a limit or the statement that there is none."""
        limited, endless = (
            fields.get("maxIterations") is not None,
            fields.get("infiniteAllowed") is True,
        )
        if limited and endless:
            return [
                ValidationIssue(
                    "/maxIterations",
                    "maxIterations and infiniteAllowed exclude each other: remove one of them.",
                )
            ]
        if not limited and not endless:
            return [
                ValidationIssue(
                    "/maxIterations", "This field is required, unless infiniteAllowed is true."
                )
            ]
        return []


@pure_action("goto", GotoFields, critical=True)  # with onLimit: fail the workflow fails
class Goto:
    """Jumps to a step and counts the jumps."""

    def __init__(self, config: GotoFields) -> None:
        """Take the fields of the step."""
        self._config = config

    def transition(self, step_id: str, iterations: Mapping[str, int]) -> Transition:
        """Jump again, unless the limit is reached."""
        # The count is kept for the life of the instance and never reset: the jump of an inner loop
        # that has reached its limit does not jump again in the next round of an outer loop.
        made = iterations.get(step_id, 0)
        limit = self._config.max_iterations
        if limit is None or made < limit:
            jumps = made + 1
            return Transition(
                to=self._config.next_step,
                iterations={**iterations, step_id: jumps},
                result={"to": self._config.next_step, "iteration": jumps},
            )
        if self._config.on_limit == "fail":
            return Transition(
                failure=f"goto_limit: jumped {limit} times to {self._config.next_step}"
            )
        return Transition(result={"limit": limit})

    def targets(self) -> tuple[tuple[str, ...], bool]:
        """Return the target; with a limit, the next step follows too."""
        return (self._config.next_step,), not self._config.infinite_allowed
