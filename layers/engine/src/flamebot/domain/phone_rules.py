"""Phone numbers in texts, also in words, in other digits or torn apart by signs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flamebot.domain.number_forms import FEWEST_DIGITS, harmless_number
from flamebot.domain.text_issue import Finding

_FEWEST_ANNOUNCED = 5  # behind "my number is" and the like
# Digits with at most six signs, or one letter, between two of them.
_RUN = re.compile(r"(?:\+\s?)?\(?[$€£¥'-]?\d(?:(?:[\W_]{0,6}|[a-z])\d)*\s?[%°$€£¥]?", re.IGNORECASE)
_ANNOUNCED = re.compile(
    r"\b(?:call|ring|text|phone|dial|reach|sms|fax|tel|telephone|mobile|cell|whats\s?app"
    r"|(?:my|our|phone|cell|the)\s(?:number|digits))\b(?:\W+(?:me|us|is|are|no|nr|number|on|at|under|here|now|it|my))*\W*$",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\b(?:tel|phone|telephone|mobile|cell|(?:my|phone|the)\snumber"
    r"|(?:call|text|ring|reach)\s(?:me|us)\s(?:on|at|under))\b(?:\W+(?:is|no|nr))*\W*$",
    re.IGNORECASE,
)
_VANITY = re.compile(r"\b\d{3}[-. ](?:[A-Z]{7}|[A-Z]{3}[-. ][A-Z]{4}|[A-Z]{4}[-. ][A-Z]{3})\b")
_LOOK_BACK = 40

_UNITS = {
    word: str(value)
    for words in (
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
        ("null", "eins", "zwei", "drei", "vier", "f\u00fcnf", "sechs", "sieben", "acht", "neun"),
        ("z\u00e9ro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"),
        ("cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"),
    )
    for value, word in enumerate(words)
} | {"nought": "0", "niner": "9", "fife": "5"}
_TEENS = {
    word: str(value)
    for value, word in enumerate(
        (
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ),
        start=10,
    )
}
_TENS = {
    word: str(value)
    for value, word in enumerate(
        ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), start=2
    )
}
_ENGLISH_UNITS = "one|two|three|four|five|six|seven|eight|nine"
_TENS_WORD = re.compile(rf"\b({'|'.join(_TENS)})(?:[\s-]+({_ENGLISH_UNITS}))?\b", re.IGNORECASE)
_WORD = re.compile(rf"(?<![^\W\d_])(?:{'|'.join((*_UNITS, *_TEENS))})(?![^\W\d_])", re.IGNORECASE)
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b", re.IGNORECASE)
_AND = re.compile(r"(?<![\d.,:/-])(\d\d?)\W+(?:and|or)\W+(?=\d\d?(?!\d))", re.IGNORECASE)
_REPEATED = re.compile(r"\b(double|triple)[\s-]+(\d)\b", re.IGNORECASE)
_OH = re.compile(r"(?<=\d)([\s,-]{1,3})(?:oh|o)(?=[\s,-]{1,3}\d)", re.IGNORECASE)
_SPOKEN_SIGN = re.compile(
    r"(?<=\d)\W*\b(?:dash|hyphen|minus|space|then|dot|point|period|slash)\b\W*(?=\d)", re.IGNORECASE
)
_SPOKEN_YEAR = re.compile(r"\b(1[1-9]|20)\s(\d\d)\b")
# Letters in the place of digits, as in "O7l2": only in a token that has digits too.
_MIXED = re.compile(r"(?<![^\W])[\dOolISBZ|]{3,}(?![^\W])")
_LETTERS = str.maketrans("OolISBZ|", "00115821")
_CHINESE = str.maketrans(
    "\u3007\u96f6\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d", "00123456789"
)
_CHINESE_RUN = re.compile(
    "[\u3007\u96f6\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d]{7,}"
)


def find_phone(text: str) -> Finding | None:
    """Return the first part of a plain text that may be a phone number.

    Args:
        text: The text as `disguise.plain` returns it.
    """
    for at, reading in enumerate(_readings(text)):
        for run, start in _runs(reading):
            before = reading[max(0, start - _LOOK_BACK) : start]
            if _phone(run, before):
                cause = "seven digits or more that are no time, date, price or other number"
                return Finding(cause, run.strip(), None if at else start)
    if match := _VANITY.search(text):
        return Finding("a phone number with letters", match[0], match.start())
    return None


def _phone(run: str, before: str) -> bool:
    digits = sum(character.isdigit() for character in run)
    if digits < FEWEST_DIGITS:
        named = digits >= _FEWEST_ANNOUNCED and _NUMBER.search(before)
        return bool(named) and not harmless_number(run, announced=True)
    announced = run.startswith("+") or _ANNOUNCED.search(before) is not None
    return not harmless_number(run, announced=announced)


def _runs(text: str) -> Iterator[tuple[str, int]]:
    for match in _RUN.finditer(text):
        yield match[0], match.start()


def _readings(text: str) -> Iterator[str]:
    """Return the text, and how it reads with words and look-alike letters as digits."""
    yield text
    spoken = _TENS_WORD.sub(_tens, text)
    spoken = _WORD.sub(lambda match: (_UNITS | _TEENS)[match[0].lower()], spoken)
    spoken = _CHINESE_RUN.sub(lambda match: match[0].translate(_CHINESE), spoken)
    spoken = _MIXED.sub(_digits, spoken)
    spoken = _OH.sub(r"\g<1>0", spoken)
    spoken = _REPEATED.sub(_repeat, spoken)
    spoken = _AND.sub(r"\1, ", _ORDINAL.sub("", spoken))
    spoken = _SPOKEN_SIGN.sub(" - ", spoken)
    if spoken != text:
        yield _SPOKEN_YEAR.sub(r"\1\2", spoken)


def _tens(match: re.Match[str]) -> str:
    unit = _UNITS[match[2].lower()] if match[2] else "0"
    return _TENS[match[1].lower()] + unit


def _repeat(match: re.Match[str]) -> str:
    return match[2] * (2 if match[1].lower() == "double" else 3)


def _digits(match: re.Match[str]) -> str:
    token = match[0]
    # "10l" is ten litres, and "SOS" is a word.
    if sum(character.isdigit() for character in token) < 2 or token[-1] == "l":
        return token
    return token.translate(_LETTERS)
