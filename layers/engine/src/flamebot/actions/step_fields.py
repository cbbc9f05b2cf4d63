"""The fields that every step has, and the types of their durations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator
from pydantic.alias_generators import to_camel

from flamebot.domain.duration import NO_DELAY, Span, parse_duration, parse_span
from flamebot.domain.errors import ValidationIssue
from flamebot.domain.numbers import whole

DURATION_SCHEMA: Final[dict[str, Any]] = {
    "description": "Milliseconds, or 90s, 15m, 2h, 1d, or ISO 8601 without years and months",
    "anyOf": [
        {"type": "integer", "minimum": 0},
        {
            "type": "string",
            "pattern": (
                "^([0-9]+[smhd]|P([0-9.,]+W|(?=[0-9T])([0-9.,]+D)?"
                "(T(?=[0-9])([0-9.,]+H)?([0-9.,]+M)?([0-9.,]+S)?)?))$"
            ),
        },
    ],
}
SPAN_SCHEMA: Final[dict[str, Any]] = {
    "description": "A duration, or a range from which each use picks one at random",
    "anyOf": [
        DURATION_SCHEMA,
        {
            "type": "object",
            "properties": {"min": DURATION_SCHEMA, "max": DURATION_SCHEMA},
            "required": ["min", "max"],
            "additionalProperties": False,
        },
    ],
}


def _timeout(value: object) -> timedelta:
    timeout = parse_duration(value)
    if not timeout:
        raise ValueError("A timeout must be longer than zero.")
    return timeout


Delay = Annotated[Span, PlainValidator(parse_span), WithJsonSchema(SPAN_SCHEMA)]
Timeout = Annotated[timedelta, PlainValidator(_timeout), WithJsonSchema(DURATION_SCHEMA)]


class StepFields(BaseModel):
    """The fields of every step. An action's model adds its own; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_camel)

    id: str = Field(pattern="^[A-Za-z0-9_.:-]{1,64}$", description="Unique in the definition")
    action: str
    delay: Delay = Field(
        default=NO_DELAY,
        description="Waited before the step runs, from the end of the previous step",
        json_schema_extra={"default": 0},
    )
    description: str | None = Field(default=None, max_length=2000)
    critical: bool | None = Field(
        default=None,
        description="Whether its failure fails the workflow; by default true for effects",
    )
    timeout: Timeout | None = Field(
        default=None, description="Of the whole step; time in a pause does not count"
    )
    max_attempts: int | None = Field(
        default=None, ge=1, le=100, description="Overrides the definition's maxRetries"
    )

    @model_validator(mode="before")
    @classmethod
    def _whole_numbers(cls, fields: Any) -> Any:  # noqa: ANN401  # whatever a definition has there
        # 5.0 is an integer of JSON. A validator of each field would hide its limits in the schema.
        return {name: whole(value) for name, value in dict(fields).items()}

    @classmethod
    def contradictions(cls, fields: Mapping[str, object]) -> list[ValidationIssue]:
        """Return the issues of fields that are valid alone and not together.

        Args:
            fields: The members as the definition wrote them: of any type, perhaps invalid.
        """
        del fields
        return []
