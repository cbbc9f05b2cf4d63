"""Durations as definitions write them, and additions that do not overflow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from flamebot.domain.numbers import whole_number
from flamebot.domain.task_random import TaskRandom

# A duration may have any length: a time that would lie beyond this date is set to it. The centuries
# left before the calendar's end are for pauses, which move it further.
END_OF_TIME = datetime(9000, 1, 1, tzinfo=UTC)
LONGEST = END_OF_TIME - datetime(1, 1, 1, tzinfo=UTC)

FORMS = 'a whole number of milliseconds, or a text such as "90s", "15m", "2h", "1d" or "PT1H30M"'

_MICROSECOND = timedelta(microseconds=1)
_MOST = LONGEST // _MICROSECOND
_UNITS = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_WEEK = 7 * _UNITS["d"]
_SIMPLE = re.compile(r"([0-9]{1,30})([smhd])")
_NUMBER = r"([0-9]{1,30}(?:[.,][0-9]{1,30})?)"
_ISO_8601 = re.compile(
    rf"P(?:{_NUMBER}W|(?=[0-9T])(?:{_NUMBER}D)?(?:T(?=[0-9])(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?)",
)
# Forms that are not accepted, and whose meaning can be written in one that is.
_CLOCK = re.compile(r"([0-9]{1,6}):([0-9]{2})(?::([0-9]{2}))?")
_SPOKEN = (r"d(?:ays?)?", r"h(?:ours?|rs?)?", r"m(?:in(?:utes?|s)?)?", r"s(?:ec(?:onds?|s)?)?")
_PARTS = re.compile("".join(rf" *(?:([0-9.]{{1,9}}) *{unit})?" for unit in _SPOKEN))
_CALENDAR = re.compile(r"P[^T]*[YM]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A duration, or a range of durations. `min` is not above `max`, and neither is negative."""

    min: timedelta
    max: timedelta

    def pick(self, random: TaskRandom, *purpose: object) -> timedelta:
        """Return a duration from the range, uniformly distributed, both ends included.

        Args:
            random: Random numbers; with the same purpose they give the same duration.
            purpose: What the duration is for, such as "delay" and a step's id.
        """
        if self.min == self.max:
            return self.min
        low, high = self.min // _MICROSECOND, self.max // _MICROSECOND
        # In a range of centuries the product in `integer` can be rounded up beyond its upper end.
        return timedelta(microseconds=min(random.integer(low, high, *purpose), high))


NO_DELAY = Span(min=timedelta(), max=timedelta())


def later(time: datetime, duration: timedelta) -> datetime:
    """Return time plus duration, at most `END_OF_TIME`."""
    return END_OF_TIME if duration >= END_OF_TIME - time else time + duration


def parse_duration(value: object) -> timedelta:
    """Parse one duration. Raises `ValueError` whose text is a sentence for the author."""
    milliseconds = whole_number(value)
    if milliseconds is not None:
        if milliseconds < 0:
            raise ValueError("A duration must not be negative.")
        return timedelta(microseconds=min(milliseconds * 1000, _MOST))
    text = value if isinstance(value, str) else ""
    if text.startswith("-"):
        raise ValueError("A duration must not be negative.")
    simple = _SIMPLE.fullmatch(text)
    if simple:
        return timedelta(microseconds=min(int(simple[1]) * _UNITS[simple[2]], _MOST))
    return _parse_iso_8601(text)


def duration_text(duration: timedelta) -> str:
    """Return a duration in the largest unit that divides it, as a definition writes it: `90m`."""
    microseconds = duration // _MICROSECOND
    for unit in ("d", "h", "m", "s"):
        if microseconds % _UNITS[unit] == 0:
            return f"{microseconds // _UNITS[unit]}{unit}"
    return f"{microseconds // 1000}ms"


def parse_span(value: object) -> Span:
    """Parse a duration or a range `{"min", "max"}`.

    Raises:
        ValueError: It is neither. The text is a sentence for the author.
    """
    if not isinstance(value, Mapping):
        length = parse_duration(value)
        return Span(min=length, max=length)
    if set(value) != {"min", "max"}:
        raise ValueError('A range has exactly two members, "min" and "max".')
    low, high = parse_duration(value["min"]), parse_duration(value["max"])
    if low > high:
        raise ValueError('The "min" of a range must not be above its "max".')
    return Span(min=low, max=high)


def _advice(text: str) -> str:
    """Return how to write a text that looks like a duration; empty if it does not."""
    if clock := _CLOCK.fullmatch(text):
        # With two numbers it is open whether hours or minutes come first, so both are named.
        first, second, third = (int(number) if number else 0 for number in clock.groups())
        if clock[3] is not None:
            return f" For {first} h {second} min {third} s write PT{first}H{second}M{third}S."
        return (
            f" For {first} h {second} min write PT{first}H{second}M,"
            f" for {first} min {second} s PT{first}M{second}S."
        )
    parts = _PARTS.fullmatch(text.lower())
    if not parts or not any(parts.groups()):
        return ""
    days, *clock_parts = parts.groups()
    date = f"{days}D" if days else ""
    time = "".join(
        f"{number}{unit}" for number, unit in zip(clock_parts, "HMS", strict=True) if number
    )
    written = f"P{date}{'T' + time if time else ''}"
    try:
        _parse_iso_8601(written)
    except ValueError:  # such as a fraction that is not in the last place
        return ""
    return f" Write {written}."


def _parse_iso_8601(text: str) -> timedelta:
    match = _ISO_8601.fullmatch(text)
    if not match:
        if _CALENDAR.match(text):
            raise ValueError("Years and months have no fixed length; write days.")
        raise ValueError(f"A duration is {FORMS}.{_advice(text)}")
    weeks, days, hours, minutes, seconds = match.groups()
    parts = [
        (days, _UNITS["d"]),
        (hours, _UNITS["h"]),
        (minutes, _UNITS["m"]),
        (seconds, _UNITS["s"]),
    ]
    given = [(weeks, _WEEK)] if weeks else [part for part in parts if part[0]]
    if any("." in number or "," in number for number, _ in given[:-1]):
        raise ValueError("Only the last number of an ISO 8601 duration may have a fraction.")
    # Fractions are exact: a sum of floats could round a long duration to another microsecond.
    total = sum(Fraction(number.replace(",", ".")) * unit for number, unit in given)
    return timedelta(microseconds=min(round(total), _MOST))
