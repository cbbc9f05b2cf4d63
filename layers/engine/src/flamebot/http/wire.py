"""What all JSON of the API has in common: camelCase names and RFC 3339 times in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _refuse_other_formats(given: object) -> object:
    """Refuse the other forms that pydantic reads: Unix time, a date, a space instead of the T."""
    if isinstance(given, str) and not _RFC_3339.fullmatch(given):
        raise PydanticCustomError("datetime_parsing", "not RFC 3339")
    return given


def _in_utc(at: datetime) -> datetime:
    """Convert to UTC.

    Postgres refuses offsets beyond sixteen hours. Python overflows where the conversion leaves the
    years 1 to 9999.
    """
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("datetime_parsing", "not within the calendar") from None


Instant = Annotated[AwareDatetime, PlainSerializer(_rfc3339, return_type=str, when_used="json")]
GivenInstant = Annotated[
    AwareDatetime, BeforeValidator(_refuse_other_formats), AfterValidator(_in_utc)
]


class RequestModel(BaseModel):
    """A request's body. Strict: a number is no string, and an unknown field is an error."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True, frozen=True)


class Filter(BaseModel):
    """Query parameters: text that pydantic converts; an unknown parameter is an error."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class ResponseModel(BaseModel):
    """A response, made from a row in snake_case; columns without a field are left out."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True
    )
