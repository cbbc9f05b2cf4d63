"""Durations: the accepted forms and their lengths."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flamebot.domain.duration import (
    END_OF_TIME,
    LONGEST,
    Span,
    duration_text,
    later,
    parse_duration,
    parse_span,
)
from flamebot.domain.task_random import TaskRandom


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (0, timedelta()),
        (1500, timedelta(seconds=1.5)),
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("PT15M", timedelta(minutes=15)),
        ("PT1H30M", timedelta(hours=1, minutes=30)),
        ("P1DT12H", timedelta(days=1, hours=12)),
        ("P2W", timedelta(weeks=2)),
        ("P3D", timedelta(days=3)),
        ("PT0.5S", timedelta(milliseconds=500)),
        ("PT1,5H", timedelta(minutes=90)),
        ("P1DT2H3M4S", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        (1500.0, timedelta(seconds=1.5)),
        (1e3, timedelta(seconds=1)),
        (2**31, timedelta(milliseconds=2**31)),
    ],
)
def test_a_duration_means_what_it_says(written: object, meant: timedelta) -> None:
    """Milliseconds, short texts and ISO 8601 are read, beyond 24.8 days too."""
    assert parse_duration(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        "",
        "15",
        "m",
        "1.5h",
        "1h30m",
        " 1h",
        "1h\n",
        "P",
        "PT",
        "P1DT",
        "1w",
        "-5s",
        "-PT5S",
        -1,
        1.5,
        None,
        True,
        [],
        {},
        "٣s",
    ],
)
def test_what_is_no_duration_is_refused(written: object) -> None:
    """An unknown form is refused, not guessed."""
    with pytest.raises(ValueError, match="duration"):
        parse_duration(written)


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("1:30:00", "For 1 h 30 min 0 s write PT1H30M0S."),
        ("10:00", "For 10 h 0 min write PT10H0M, for 10 min 0 s PT10M0S."),
        ("1h30m", "Write PT1H30M."),
        ("1.5h", "Write PT1.5H."),
        (" 2 hours", "Write PT2H."),
        ("30min", "Write PT30M."),
        ("1 day 12 hrs", "Write P1DT12H."),
        ("90 Seconds", "Write PT90S."),
        ("1.5h30m", ""),
        ("1.5.5h", ""),
        ("1:2", ""),
        ("15", ""),
        ("soon", ""),
        ("", ""),
    ],
)
def test_a_form_that_is_not_accepted_has_advice(written: str, advice: str) -> None:
    """The form that the advice names is accepted, and is not guessed."""
    with pytest.raises(ValueError, match="A duration is") as caught:
        parse_duration(written)
    said = str(caught.value).partition('"PT1H30M".')[2].strip()
    assert said == advice
    for form in re.findall(r"P[0-9DTHMS.]*[DHMS]", said):
        assert parse_duration(form)


@given(st.text(alphabet="0123456789.: dhmsayinoure", max_size=20))
def test_any_text_is_a_duration_or_has_a_sentence(written: str) -> None:
    """And what the sentence advises can be read."""
    try:
        parse_duration(written)
    except ValueError as error:
        said = str(error).partition('"PT1H30M".')[2]
        for form in re.findall(r"P[0-9DTHMS.]*[DHMS]", said):
            parse_duration(form)


@pytest.mark.parametrize("written", ["P1Y", "P1M", "P1Y2M3DT4H", "P2M1D"])
def test_years_and_months_are_refused_with_the_reason(written: str) -> None:
    """A month has no fixed length, and the issue says so."""
    with pytest.raises(ValueError, match="write days"):
        parse_duration(written)


@pytest.mark.parametrize("written", ["PT1.5H30M", "P0.5DT1H"])
def test_only_the_last_number_has_a_fraction(written: str) -> None:
    """ISO 8601 allows one fraction, in the last number."""
    with pytest.raises(ValueError, match="fraction"):
        parse_duration(written)


@pytest.mark.parametrize("written", [10**30, "9" * 30 + "d", "P" + "9" * 30 + "W"])
def test_no_length_overflows(written: object) -> None:
    """A length beyond the calendar is cut to it."""
    assert parse_duration(written) == LONGEST
    assert later(datetime(2030, 1, 1, tzinfo=UTC), parse_duration(written)) == END_OF_TIME


@given(st.integers(min_value=0, max_value=10**40))
def test_any_number_of_milliseconds_is_a_duration(milliseconds: int) -> None:
    """Every whole number from zero is read; only the calendar's end limits it."""
    assert parse_duration(milliseconds) == min(
        LONGEST,
        timedelta(microseconds=min(milliseconds * 1000, LONGEST // timedelta(microseconds=1))),
    )


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    """A bad text raises `ValueError` and nothing else."""
    with suppress(ValueError):
        assert parse_duration(text) >= timedelta()


def test_a_range_is_read() -> None:
    """Both ends may have any form of a duration."""
    assert parse_span({"min": "30m", "max": 3_600_000}) == Span(
        min=timedelta(minutes=30), max=timedelta(hours=1)
    )
    assert parse_span({"min": "1m", "max": "60s"}) == parse_span("1m")
    assert parse_span("5s") == Span(min=timedelta(seconds=5), max=timedelta(seconds=5))


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"min": 1},
        {"max": 1},
        {"min": 1, "max": 2, "mean": 1},
        {"min": 2, "max": 1},
        {"min": "x", "max": 1},
        {"min": {"min": 1, "max": 1}, "max": 2},
    ],
)
def test_a_bad_range_is_refused(written: object) -> None:
    """A range has two ends in order and no other member."""
    with pytest.raises(ValueError, match=r"range|duration"):
        parse_span(written)


lengths = st.timedeltas(min_value=timedelta(), max_value=LONGEST)


@given(lengths, lengths, st.text(max_size=8), st.integers())
def test_a_pick_is_never_out_of_range(
    one: timedelta, other: timedelta, seed: str, purpose: int
) -> None:
    """Both ends are included, at any length. The same numbers give the same duration."""
    span = Span(min=min(one, other), max=max(one, other))
    picked = span.pick(TaskRandom(seed), "delay", purpose)
    assert span.min <= picked <= span.max
    assert picked == span.pick(TaskRandom(seed), "delay", purpose)


def test_picks_spread_over_the_range() -> None:
    """The durations cover the whole range."""
    span = Span(min=timedelta(minutes=30), max=timedelta(minutes=60))
    picked = [span.pick(TaskRandom(f"task-{index}"), "delay", "swipe") for index in range(500)]
    assert min(picked) < timedelta(minutes=33)
    assert max(picked) > timedelta(minutes=57)


@given(st.datetimes(max_value=datetime(8999, 12, 31)), lengths)
def test_adding_never_overflows(time: datetime, length: timedelta) -> None:
    """A sum is exact, or the end of the calendar."""
    time = time.replace(tzinfo=UTC)
    total = later(time, length)
    assert total == END_OF_TIME or total - time == length


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(600, "10m"), (90, "90s"), (5400, "90m"), (7200, "2h"), (172_800, "2d"), (1.5, "1500ms")],
)
def test_a_duration_is_shown_as_a_definition_writes_it(seconds: float, text: str) -> None:
    """In the largest unit that divides it."""
    assert duration_text(timedelta(seconds=seconds)) == text


@given(st.integers(0, 10**9))
def test_a_duration_that_is_shown_can_be_read_back(seconds: int) -> None:
    """Of any number of whole seconds."""
    length = timedelta(seconds=seconds)
    assert parse_duration(duration_text(length)) == length
