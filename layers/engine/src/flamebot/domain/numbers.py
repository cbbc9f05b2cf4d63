"""Numbers of JSON as they were written: whole ones in any spelling, decimals with all digits."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal

TOO_LARGE = "This number is too large."
TOO_LONG = "This number has more digits than can be kept. Write it as a text, in quotes."
_ALWAYS_EXACT = 16  # characters: fifteen digits and a point; a float keeps fifteen digits


@dataclass(frozen=True, slots=True)
class Inexact:
    """A decimal number that a float would change: it stays out of everything that is stored."""

    text: str = field(repr=False)  # perhaps a credential


def whole(value: object) -> object:
    """Return a float without a fraction (5.0, 1e3) as an integer, and any other value unchanged.

    JSON has one type of numbers, and many programs write 5.0 for 5.
    """
    return int(value) if isinstance(value, float) and value.is_integer() else value


def whole_number(value: object) -> int | None:
    """Return a whole number as an integer; None for anything else, true and false included."""
    number = whole(value)
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def decimal(text: str) -> float | Inexact:
    """Parse a number of JSON that has a point or an exponent.

    Returns:
        The float, infinite if the number is larger than any; `Inexact` if the float stands for
        another number than the text.
    """
    number = float(text)
    short = len(text) <= _ALWAYS_EXACT and "e" not in text.lower()
    if short or math.isinf(number):
        return number
    try:
        return number if Decimal(repr(number)) == Decimal(text) else Inexact(text)
    except ArithmeticError:  # an exponent of more than eighteen digits
        return Inexact(text)
