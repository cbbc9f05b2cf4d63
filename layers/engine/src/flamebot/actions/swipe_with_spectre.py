"""`swipe_with_spectre`: start a job of swipes at the actions service."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic.config import JsonDict

from flamebot.actions.kind import effect_action
from flamebot.actions.step_fields import StepFields
from flamebot.domain.action import TextBrief
from flamebot.domain.endpoint import ActionEndpoint
from flamebot.domain.errors import ValidationIssue
from flamebot.domain.instance import AccountData
from flamebot.domain.numbers import whole, whole_number
from flamebot.domain.task import EffectRequest
from flamebot.domain.task_random import TaskRandom

MOST_SWIPES = 300  # of one job; the actions service's limit
_LARGEST_COUNT = 2**31
_COUNT: dict[str, object] = {"type": "integer", "minimum": 1, "maximum": MOST_SWIPES}
_RANGE = {
    "type": "object",
    "properties": {"min": _COUNT, "max": _COUNT},
    "required": ["min", "max"],
    "additionalProperties": False,
}
_BY_COUNT: JsonDict = {
    "required": ["swipeCount"],
    "not": {"anyOf": [{"required": ["minSwipes"]}, {"required": ["maxSwipes"]}]},
}
_BY_ENDS: JsonDict = {"required": ["minSwipes", "maxSwipes"], "not": {"required": ["swipeCount"]}}


def _count(value: object) -> tuple[int, int]:
    if isinstance(value, Mapping):
        if set(value) != {"min", "max"}:
            raise ValueError('A range has exactly two members, "min" and "max".')
        low, high = value["min"], value["max"]
    else:
        low = high = value
    low, high = _one_count(low), _one_count(high)
    if low > high:
        raise ValueError('The "min" of a range must not be above its "max".')
    return low, high


def _one_count(value: object) -> int:
    number = whole_number(value)
    if number is None or not 1 <= number <= MOST_SWIPES:
        raise ValueError(
            f'Must be a whole number from 1 to {MOST_SWIPES}, or a range of them {{"min", "max"}}.'
        )
    return number


SwipeCount = Annotated[
    tuple[int, int], PlainValidator(_count), WithJsonSchema({"anyOf": [_COUNT, _RANGE]})
]


class SwipeFields(StepFields):
    """The number of swipes, fixed or a range, and settings that are passed to the provider."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_BY_COUNT, _BY_ENDS]})

    swipe_count: SwipeCount | None = Field(
        default=None, description="A number, or a range from which each use picks one at random"
    )
    min_swipes: int | None = Field(
        default=None, ge=1, le=MOST_SWIPES, description="With maxSwipes, instead of swipeCount"
    )
    max_swipes: int | None = Field(default=None, ge=1, le=MOST_SWIPES)
    spectre: dict[str, Any] = Field(
        default_factory=dict, description="Passed to the provider unchanged"
    )

    @classmethod
    def contradictions(cls, fields: Mapping[str, object]) -> list[ValidationIssue]:
        """Require a count or both ends of a range, in order, and not both ways."""
        low, high = whole(fields.get("minSwipes")), whole(fields.get("maxSwipes"))
        if fields.get("swipeCount") is not None:
            ends = [name for name in ("minSwipes", "maxSwipes") if fields.get(name) is not None]
            return [
                ValidationIssue(
                    f"/{name}", f"The number of swipes is given twice: remove {name} or swipeCount."
                )
                for name in ends
            ]
        if low is None and high is None:
            return [
                ValidationIssue(
                    "/swipeCount",
                    "This field is required, unless minSwipes and maxSwipes are there.",
                )
            ]
        if low is None or high is None:
            return [
                ValidationIssue(
                    "/minSwipes" if low is None else "/maxSwipes",
                    "This field is required with the other end of the range.",
                )
            ]
        if isinstance(low, int) and isinstance(high, int) and low > high:
            return [ValidationIssue("/minSwipes", "minSwipes must not be above maxSwipes.")]
        return []


@effect_action("swipe_with_spectre", SwipeFields)
class SwipeWithSpectre:
    """Starts a job of swipes and records its result."""

    default_timeout = timedelta(hours=2)
    endpoint = ActionEndpoint(
        operation="startSwipeTask",
        method="POST",
        path="/accounts/{accountId}/swipe-tasks",
        body={
            "type": "object",
            "required": ["count"],
            "additionalProperties": False,
            "properties": {"count": _COUNT, "spectre": {"type": "object"}},
        },
    )

    def __init__(self, config: SwipeFields) -> None:
        """Take the range, from either of its two spellings."""
        ends = config.swipe_count or (config.min_swipes, config.max_swipes)
        # `contradictions` has refused any other combination.
        assert ends[0] is not None and ends[1] is not None  # noqa: PT018  # one fact
        self._low, self._high = ends[0], ends[1]
        self._spectre = config.spectre

    def text_brief(self, account: AccountData, seed: str) -> TextBrief | None:
        """Return None: the job needs no text."""
        del account, seed
        return None

    def request(self, account: AccountData, text: str | None, random: TaskRandom) -> EffectRequest:
        """Return the start of the job, with a random count from the range."""
        del account, text
        swipes = random.integer(self._low, self._high, "swipes")
        return self.endpoint.request({"count": swipes, "spectre": self._spectre})

    def result(self, request: EffectRequest, job_result: Mapping[str, object]) -> dict[str, object]:
        """Keep the numbers of requested and performed swipes and of matches; null if unknown."""
        return {
            "requested": request.body["count"],
            "performed": _counted(job_result.get("performed")),
            "matches": _counted(job_result.get("matches")),
        }


def _counted(value: object) -> int | None:
    # The value comes from the service, and the history is shown: anything but a count is dropped.
    number = whole_number(value)
    return number if number is not None and 0 <= number < _LARGEST_COUNT else None
