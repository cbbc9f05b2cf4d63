"""What all JSON of the API has in common: camelCase names and RFC 3339 times in UTC."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from flamebot.domain.ids import IdField
from flamebot.domain.numbers import whole

# RFC 3339, and of ISO 8601 what clients write besides: offsets without a colon (`date +%z` and
# strftime), a comma before the fraction (`date --iso-8601=ns`), no seconds (Java).
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(?:(:\d\d)(?:[.,](\d+))?)?(?:(Z)|([+-]\d\d)(?::?([0-5]\d))?)",
    re.ASCII | re.IGNORECASE,
)
_MISTAKES = {
    # Form encoding, which query strings use, decodes a plus sign as a blank.
    r".*T\d\d:\d\d.* \d\d(:?\d\d)?": "The offset begins with a blank: in a query, write + as %2B.",
    r".*T\d\d:\d\d[\d:.,]*": "Must end with its zone, as in 2026-11-23T15:00:00Z.",
    r"\d{4}-\d\d-\d\d": "Must be a date with a time, as in 2026-11-23T15:00:00Z.",
    r"\d{4}-\d\d-\d\d \d\d:.*": "Must have a T before the time, as in 2026-11-23T15:00:00Z.",
    r"-?\d+(\.\d+)?": "Must not be a number of seconds, but as in 2026-11-23T15:00:00Z.",
    "": "Must be a time with its zone, as in 2026-11-23T15:00:00Z.",
}


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _parsed(given: object) -> object:
    """Parse a time. Pydantic would read other forms too, such as Unix time and dates."""
    if not isinstance(given, str):
        return given
    parts = _TIME.fullmatch(given)
    if parts is None:
        found = [text for form, text in _MISTAKES.items() if re.fullmatch(form, given, re.ASCII)]
        raise PydanticCustomError("time", "{text}", {"text": (found or [_MISTAKES[""]])[0]})
    minutes, seconds, fraction, zulu, hours, rest = parts.groups()
    offset = "Z" if zulu else f"{hours}:{rest or '00'}"
    text = f"{minutes}{seconds or ':00'}.{fraction or 0}{offset}".upper()
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise PydanticCustomError("time", "There is no such time in the calendar.") from None


def _in_utc(at: datetime) -> datetime:
    """Convert to UTC.

    Postgres refuses offsets beyond sixteen hours. Python overflows where the conversion leaves the
    years 1 to 9999.
    """
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("time", "There is no such time in the calendar.") from None


def _instant(clock: str) -> WithJsonSchema:
    return WithJsonSchema(
        {"type": "string", "format": "date-time", "description": clock}, mode="serialization"
    )


# The serializer's type is str, so that a JSON Schema made from it would have no format.
_TEXT = PlainSerializer(_rfc3339, return_type=str, when_used="json")
ScheduleInstant = Annotated[AwareDatetime, _TEXT, _instant("Schedule time.")]
WallInstant = Annotated[AwareDatetime, _TEXT, _instant("Wall time.")]
GivenInstant = Annotated[AwareDatetime, BeforeValidator(_parsed), AfterValidator(_in_utc)]


class RequestModel(BaseModel):
    """A request's body. Strict: a number is no string, and an unknown field is an error."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _whole_numbers(cls, body: Any) -> Any:  # noqa: ANN401  # JSON
        # 5.0 is an integer of JSON. A validator of each field would hide its limits in the schema.
        if not isinstance(body, dict):
            return body
        return {name: whole(value) for name, value in body.items()}


class Filter(BaseModel):
    """Query parameters: text that pydantic converts; an unknown parameter is an error."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class ResponseModel(BaseModel):
    """A response, made from a row in snake_case; columns without a field are left out."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True
    )


def _two_names(schema: dict[str, Any]) -> None:
    """Describe both names of an account's id; a response has one of them."""
    properties = schema["properties"]
    properties["flamebotId"] = {
        **properties["accountId"],
        "description": "Instead of accountId, if the row was sent with this name.",
    }
    schema["required"] = [name for name in schema["required"] if name != "accountId"]


class RowOfImport(ResponseModel):
    """A row of an import in a response: its account's id has the name that was sent."""

    model_config = ConfigDict(json_schema_extra=_two_names)

    account_id: str | None
    id_field: Annotated[IdField, Field(exclude=True)] = "accountId"

    @model_serializer(mode="wrap")
    def _under_the_name_that_was_sent(self, serialize: SerializerFunctionWrapHandler):  # type: ignore[no-untyped-def]  # noqa: ANN202  # a return type would replace the model's schema
        fields: Mapping[str, Any] = serialize(self)
        return {
            (self.id_field if name == "accountId" else name): value
            for name, value in fields.items()
        }
