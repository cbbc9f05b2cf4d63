"""Times in queries: what clients and `date` write is accepted, and a refusal names the mistake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from flamebot.http.problems import invalid
from flamebot.http.wire import GivenInstant

ADAPTER: TypeAdapter[datetime] = TypeAdapter(GivenInstant)
OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)
MOMENTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=OFFSETS)


def parsed(text: str) -> datetime:
    """Return the time that a query's text names."""
    return ADAPTER.validate_python(text)


def refusal(text: str) -> str:
    """Return the sentence with which a text is refused."""
    with pytest.raises(ValidationError) as caught:
        parsed(text)
    (issue,) = invalid(caught.value).issues
    return issue.detail


@given(MOMENTS)
def test_every_way_to_write_an_offset_is_the_same_time(moment: datetime) -> None:
    """Offsets with and without colon, hours alone, commas and lower case name the same moment."""
    text = moment.isoformat()
    body, offset = text[:-6], text[-6:]
    ways = [text, body + offset.replace(":", ""), text.replace(".", ","), text.lower()]
    if offset.endswith(":00"):
        ways.append(body + offset[:3])
    ways += [moment.astimezone(UTC).isoformat().replace("+00:00", zulu) for zulu in "Zz"]
    assert {parsed(way) for way in ways} == {moment}


@given(MOMENTS)
def test_a_time_to_the_minute_is_its_first_instant(moment: datetime) -> None:
    """Without seconds a time is the beginning of its minute; strftime's %z is an offset."""
    minute = moment.replace(second=0, microsecond=0)
    whole = minute.isoformat()
    assert parsed(whole[:16] + whole[-6:]) == minute
    assert parsed(f"{whole[:19]}{minute.strftime('%z')}") == minute


@pytest.mark.parametrize(
    ("text", "fraction"),
    [
        ("2026-11-23T15:00:00.1Z", 100_000),
        ("2026-11-23T15:00:00.1234567Z", 123_456),  # .NET writes seven digits
        ("2026-11-23T15:00:00,123456789+0000", 123_456),  # date --iso-8601=ns writes nine
    ],
)
def test_a_fraction_may_have_any_number_of_digits(text: str, fraction: int) -> None:
    """Digits beyond microseconds are left out."""
    assert parsed(text) == datetime(2026, 11, 23, 15, 0, 0, fraction, tzinfo=UTC)


@given(MOMENTS.filter(lambda moment: moment.isoformat()[-6] == "+"))
def test_an_unencoded_plus_is_named(moment: datetime) -> None:
    """A blank before the offset was a plus sign, which a query has to encode."""
    for text in (moment.isoformat(), moment.replace(microsecond=0).strftime("%Y-%m-%dT%H:%M:%S%z")):
        if len(text.split("-")[0]) == 4:  # strftime pads no year
            assert refusal(text.replace("+", " ")) == (
                "The offset begins with a blank: in a query, write + as %2B."
            )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-11-23T15:00:00", "Must end with its zone"),
        ("2026-11-23T15:00", "Must end with its zone"),
        ("2026-11-23T15:00:00.5", "Must end with its zone"),
        ("2026-11-23", "Must be a date with a time"),
        ("2026-11-23 15:00:00Z", "Must have a T"),
        ("1767225600", "Must not be a number of seconds"),
        ("-1.5", "Must not be a number of seconds"),
        ("tomorrow", "Must be a time with its zone"),
        ("", "Must be a time with its zone"),
        ("20261123T150000Z", "Must be a time with its zone"),
        ("2026-02-30T15:00:00Z", "no such time"),
        ("2026-11-23T24:00:00Z", "no such time"),
        ("2026-11-23T15:00:00+24:00", "no such time"),
        ("0001-01-01T00:00:00+14:00", "no such time"),
        ("2026-11-23T15:00:00+00:60", "Must be a time with its zone"),
        ("٢026-11-23T15:00:00Z", "Must be a time with its zone"),
        ("2026-11-23T15:00:00Z\n", "Must be a time with its zone"),
    ],
)
def test_a_refusal_names_the_mistake(text: str, words: str) -> None:
    """A time without zone, a date, a number and an impossible time get a sentence each."""
    assert words in refusal(text)


@given(st.text(max_size=40))
def test_any_other_text_is_refused_in_a_sentence(text: str) -> None:
    """No text breaks the parser, and a refusal never repeats the text."""
    try:
        parsed(text)
    except ValidationError as error:
        (issue,) = invalid(error).issues
        assert issue.detail.endswith(".")
