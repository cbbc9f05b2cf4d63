"""What JSON on the wire has in common: camelCase names, RFC 3339 times in UTC, no surprises in either direction."""

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


def _written_out(given: object) -> object:
    """Refuse what pydantic would read as a time too: seconds since 1970, a date, a space for the T."""
    if isinstance(given, str) and not _RFC_3339.fullmatch(given):
        raise PydanticCustomError("datetime_parsing", "not RFC 3339")
    return given


def _in_utc(at: datetime) -> datetime:
    """The same moment as Postgres takes it: it knows no zone further off than sixteen hours, and Python no year 0 or 10000."""
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("datetime_parsing", "not within the calendar") from None


Instant = Annotated[AwareDatetime, PlainSerializer(_rfc3339, return_type=str, when_used="json")]
GivenInstant = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_utc)]


class RequestModel(BaseModel):
    """A request's body. Strict: no number is taken for a string, and no field is ignored."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True, frozen=True)


class Filter(BaseModel):
    """Query parameters: text that is read as what it should be."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class ResponseModel(BaseModel):
    """An answer, made from a row in snake_case; columns that it does not name stay inside."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True
    )
