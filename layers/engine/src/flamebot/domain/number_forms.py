"""Forms of numbers that are no phone number: times, dates, years, ranges, prices, scores, lists.

A run is a piece of text with digits and at most a few signs between two of them. It is harmless if
it can be read as a list whose every item has such a form. What has no form may be a phone number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

_TIME = r"(?:[01]?\d|2[0-4])[:.h][0-5]\d(?::[0-5]\d(?:[.,]\d{1,3})?)?"
_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:1\d|20)\d\d"
_DATES = "|".join(
    rf"{first}{sign}{second}{sign}{third}"
    for sign in (r"\.", "-", "/")
    for first, second, third in (
        (_DAY, _MONTH, rf"(?:{_YEAR}|\d\d)"),
        (_MONTH, _DAY, rf"(?:{_YEAR}|\d\d)"),
        (_YEAR, _MONTH, _DAY),
    )
)
_DATE = rf"(?:{_DATES}|{_DAY}\.{_MONTH}\.?|{_DAY}/{_MONTH}|{_DAY}\.|{_MONTH}/{_YEAR})"
_AMOUNT = r"(?:[1-9]\d{0,2}(?:[,.']\d{3})+|\d{1,6}|[1-9]\d*0{5,})(?:[.,]\d\d?)?"
_MONEY = rf"(?:[$€£¥]\s?{_AMOUNT}|{_AMOUNT}\s?[$€£¥])"
_GROUPED = r"[1-9]\d{0,2}(?:(?:,\d{3})+(?:\.\d+)?|(?:'\d{3})+)"
# The forms that a number of digits in this order has by itself, the first that fits.
_FORMS = {
    "year": rf"'?{_YEAR}(?:[-\u2013/](?:\d\d|{_YEAR}))?|'\d\d",
    "time": _TIME,
    "date": _DATE,
    "money": _MONEY,
    "percent": r"[+-]?\d{1,3}(?:[.,]\d{1,2})?\s?[%°]",
    "fraction": r"\d{1,3}/(?:[2-689]|1[0256]|20|25|32|50|64|100|125|250|500|1000)",
    "grouped": _GROUPED,
    "decimal": r"-?\d{1,3}[.,]\d{1,2}|-?\d{1,2}[.,]\d{1,4}|0[.,]0{2,}\d{1,4}",
    "version": r"\d{1,2}\.\d{1,2}\.\d",
    "whole": r"(?:0|[1-9]\d{0,4}|[1-9]\d{1,4}0{5,})",
}
_FORM = {kind: re.compile(pattern) for kind, pattern in _FORMS.items()}
_PLAIN = ("time", "date", "money", "percent")  # also right behind "call me"
_TO = re.compile(r"\s?(?:[-\u2013\u2014~]|/(?=\d\d?[:.]))\s?")
_SEPARATOR = re.compile(
    r"[,;:.!?…)\]\"'”*]*(?:\s+|(?<=[)\]]))[-\u2013\u2014/|&+•·=<>(\[\"'“*#]*\s*"
)
_DIGITS = re.compile(r"\d+")
_BLANK_GROUPS = re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?: \d\d0)* 000(?![\d.,])")
_AREA_CODE = re.compile(r"\((?!(?:19|20)\d\d\))\d{2,5}\)[\s-]*\d")
_LOOSE_UNIT = re.compile(r"(?<=\d)\s(?=[$€£¥%°](?!\s?\d))|(?<=[$€£¥])\s(?=\d)")
_TIMES_SIGN = re.compile(r"(?<=\d)\s*[x\u00d7]\s*(?=\d)")
_SIZE = re.compile(r"\d{1,4}(?:[.,]\d{1,2})?(?:x\d{1,4}(?:[.,]\d{1,2})?){1,2}")
_SCREENS = re.compile(
    r"1280x720|1024x768|1366x768|1280x1024|1600x900|1920x1080|1920x1200|2560x1440|2560x1600|3440x1440"
    r"|3840x2160|4096x2160|5120x2880|7680x4320"
)
_VERSION = re.compile(r"\d{1,3}(?:\.\d{1,5}){2,3}")
_CONSTANTS = ("3.14159265358979323846", "2.71828182845904523536", "1.61803398874989484820")
_ADJACENT = frozenset(
    (before, after)
    for before, after in (
        *((day, hour) for day in ("date", "year") for hour in ("time", "time range")),
        ("time", "date"),
        ("time", "year"),
        ("whole", "time"),
        ("time range", "date"),
        ("time", "time"),
        ("whole", "fraction"),
    )
)
_TIES = ("-", "\u2013", "\u2014", "/", "|", "*", "=")
FEWEST_DIGITS = 7  # of a phone number
_SHORT_RANGE = 3  # digits of a number that may stand in any range
_LEAST_LIST = 3


def harmless_number(run: str, *, announced: bool = False) -> bool:
    """Return whether a run of digits can be read as something else than a phone number.

    Args:
        run: Digits and the signs between them.
        announced: A word such as "call" is before it, so that only times, dates and prices are
            believed.
    """
    if _AREA_CODE.search(run):
        return False
    run = _BLANK_GROUPS.sub(
        lambda match: match[0].replace(" ", ","), run.strip("\n ,;:-\u2013\u2014(/+")
    )
    run = _TIMES_SIGN.sub("x", _LOOSE_UNIT.sub("", run))
    if not announced:
        lines = [line for line in run.splitlines() if not _counts(line) and not _constant(line)]
        run = "\n".join(lines).strip("\n .,;:!?")
    if not run:
        return True
    items, signs = _split(run)
    kinds = [_kind(item) for item in items]
    if announced and not set(kinds) <= {*_PLAIN, *(f"{kind} range" for kind in _PLAIN)}:
        return False
    return _joined(items, kinds, signs) and _wholes(items, kinds, signs)


def _split(run: str) -> tuple[list[str], list[str]]:
    items, signs, start = [], [], 0
    for match in _SEPARATOR.finditer(run):
        if match.start() > start and match.end() < len(run):
            items.append(run[start : match.start()])
            signs.append(match[0].strip(" #"))
            start = match.end()
    return [*items, run[start:]], signs


def _kind(item: str) -> str | None:
    """Return the form of one item of a list; None if it has none."""
    if kind := _form(item):
        return kind
    if _SIZE.fullmatch(item):
        return "size" if _SCREENS.fullmatch(item) or _short(item) else None
    if _VERSION.fullmatch(item) and ".0." in item:
        return "version"
    # A date may have the sign too, so that each of them may be the one between the ends.
    ranges = (_range(item[: sign.start()], item[sign.end() :]) for sign in _TO.finditer(item))
    return next(filter(None, ranges), None)


def _form(item: str) -> str | None:
    for kind, pattern in _FORM.items():
        if pattern.fullmatch(item):
            return kind
    return None


def _range(first: str, last: str) -> str | None:
    """Return the form of a range; None if its ends do not belong together."""
    kinds = _form(first), _form(last)
    if _hours(first) and _hours(last):
        return "time range"
    if None in kinds:
        # Several ranges in a row, as in "9:00-12:00/13:00-17:00".
        return _kind(last) if kinds[0] == "time" and "range" in (_kind(last) or "") else None
    # "7.30" is a time and a decimal, "12." a date, "1950" a year and a number.
    for kind in ("time", "date", "money", "percent", "grouped", "year"):
        if all(re.fullmatch(_FORMS[kind], end) for end in (first, last)):
            return f"{kind} range"
    low, high = _value(first), _value(last)
    if all(re.fullmatch(_FORMS["decimal"], end) for end in (first, last)):
        return "decimal range" if low < high else None
    if "grouped" in kinds and (_short(first) or _short(last)):
        return "grouped range" if low < _value(last.replace(",", "")) else None
    if not all(re.fullmatch(_FORMS["whole"], end) for end in (first, last)):
        return None
    if max(len(first), len(last)) < _SHORT_RANGE or (_round(first) and _round(last) and low < high):
        return "whole range"
    close = low < high or high > low / 2  # a range, or a score such as 102-98
    return "whole range" if max(len(first), len(last)) == _SHORT_RANGE and close else None


def _joined(items: Sequence[str], kinds: Sequence[str | None], signs: Sequence[str]) -> bool:
    """Return whether what stands between two items fits them.

    Blanks alone, or a dash, are how the groups of a phone number are written.
    """
    for (before, after), (first, last), sign in zip(
        pairwise(kinds), pairwise(items), signs, strict=True
    ):
        years = (before, after) == ("year", "year") and _value(first) < _value(last)
        if not sign and not years and (before, after) not in _ADJACENT:
            return False
        if sign.strip(".") in _TIES and not (_range(first, last) or (before and "range" in before)):
            return False
    # A third group makes a phone number of what would be a range.
    wholes = [
        kinds[at] == "whole" and sign.strip(".") in _TIES for at, sign in enumerate(signs, start=1)
    ]
    return not any(first and last for first, last in pairwise(wholes))


def _wholes(items: Sequence[str], kinds: Sequence[str | None], signs: Sequence[str]) -> bool:
    """Return whether the whole numbers of a run look like lists of numbers, line by line."""
    sums = [item for item, kind in zip(items, kinds, strict=True) if kind == "money"]
    long = [_value(item) for item in sums if _long(item)]
    if not (all(_round(item.strip("$€£¥ ")) for item in sums) or _monotonic(long)):
        return False
    breaks = [at for at, sign in enumerate(signs, start=1) if "\n" in sign]
    rest: list[str] = []
    for start, end in pairwise([0, *breaks, len(items)]):
        line = [*zip(items[start:end], kinds[start:end], strict=True)]
        wholes = [item for item, kind in line if kind == "whole"]
        values = [_value(item) for item, kind in line if kind in ("whole", "year")]
        round_ones = bool(wholes) and all(
            _round(item) and len(item) >= _SHORT_RANGE for item in wholes
        )
        if not round_ones and not (len(values) >= _LEAST_LIST and _monotonic(values)):
            rest.extend(wholes)
    # What has no form at all must be too short for a phone number, too.
    rest.extend(item for item, kind in zip(items, kinds, strict=True) if kind is None)
    return sum(character.isdigit() for character in "".join(rest)) < FEWEST_DIGITS


def _counts(run: str) -> bool:
    """Return whether a run counts up or down by one, as in "3, 2, 1"."""
    numbers = [int(digits) for digits in _DIGITS.findall(run)]
    steps = {after - before for before, after in pairwise(numbers)}
    return len(numbers) > _LEAST_LIST and (steps in ({1}, {-1}))


def _constant(run: str) -> bool:
    known = run[:-1]  # the last digit may be rounded
    return len(known) > FEWEST_DIGITS and any(c.startswith(known) for c in _CONSTANTS)


def _hours(text: str) -> bool:
    """Return whether it is a time without a colon, as in "0600"."""
    return re.fullmatch(r"(?:[01]\d|2[0-4])(?:00|15|30|45)", text) is not None


def _short(text: str) -> bool:
    """Return whether it has too few digits to hide a number, or is a size in round numbers."""
    groups = _DIGITS.findall(text)
    if len(groups) < _LEAST_LIST:
        return all(len(group) <= _SHORT_RANGE for group in groups)
    return all(_round(group) for group in groups)


def _long(amount: str) -> bool:
    return re.search(r"\d{3}$", amount.strip("$€£¥ ")) is not None


def _round(number: str) -> bool:
    value = int(number) if number.isdigit() else 1
    return value % (1 if value < 100 else 10 if value < 1000 else 50) == 0


def _monotonic(values: Sequence[float]) -> bool:
    return values in (sorted(values), sorted(values, reverse=True))


def _value(text: str) -> float:
    match = re.match(r"[^\d-]*(-?\d+)(?:[.,](\d+))?", text)
    return float(f"{match[1]}.{match[2] or 0}") if match else 0.0
