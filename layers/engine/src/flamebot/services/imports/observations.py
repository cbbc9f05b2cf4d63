"""Marks that a spreadsheet leaves in ids: rounded numbers, lost zeros, error values.

Such a row is valid, so it is imported. The summary warns of it, because it probably means another
account or channel than the one it names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from flamebot.domain.blanks import hidden_issue
from flamebot.ports.import_store import Seen
from flamebot.services.imports.validate import AccountInput

_MONTHS: Final = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_MARKS: Final = {
    "exponent": re.compile(r"\d[.,]\d+[eE][+]?\d{1,3}|\d[eE][+]\d{1,3}"),
    "zeros": re.compile(r"[1-9]\d{14}0+"),  # a spreadsheet keeps 15 digits of a number
    "decimal": re.compile(r"\d+[.,]0+"),
    "date": re.compile(rf"\d{{1,2}}-(?:{_MONTHS})|(?:{_MONTHS})-\d\d", re.IGNORECASE),
    "null": re.compile(r"null|none|nan|n/?a|undefined|\\N", re.IGNORECASE),
    "error": re.compile(r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!)", re.IGNORECASE),
}
_DETAILS: Final = {
    "exponent": "is a number with an exponent: it was probably rounded.",
    "zeros": "is a long number that ends in zeros: it was probably rounded after 15 digits.",
    "decimal": "is a number with a decimal zero: an id was probably read as a number.",
    "date": "is a date as a spreadsheet shows it: it was probably another text before.",
    "null": "is a word for a missing value, which was taken literally.",
    "error": "is an error value of a spreadsheet.",
    "invisible": "has an invisible character inside.",
}
_LOST_ZEROS: Final = "is a shorter number than the others have: leading zeros were probably lost."
_NUMBER: Final = re.compile(r"\d{1,20}")
_PADDED: Final = "padded"
_LENGTH: Final = "length:"
_SHORTEST_NUMBERED: Final = 4  # digits; shorter ids are often just counted


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectValue:
    """Rows that were imported with a value that looks wrong."""

    code: str
    field: str
    count: int
    row: int  # the line of the first one
    detail: str


def observed(account: AccountInput) -> Iterator[str]:
    """Yield the names of what an account's values look like."""
    fields = {
        "accountId": account.account_id,
        "modelId": account.model_id,
        "channelId": account.channel_id,
    }
    for field, text in fields.items():
        yield from _marks(field, text)
    for text in (account.credentials or {}).values():
        yield from _marks("credentials", text)
    if _NUMBER.fullmatch(account.account_id):
        yield f"{_LENGTH}{len(account.account_id)}"
        if account.account_id.startswith("0"):
            yield _PADDED


def warnings_of(seen: Mapping[str, Seen]) -> list[SuspectValue]:
    """Return the warnings about a file, by the first row of each."""
    found = [
        SuspectValue(
            code=code, field=field, count=marked.count, row=marked.line, detail=_DETAILS[code]
        )
        for name, marked in seen.items()
        for code, _, field in [name.partition(":")]
        if code in _DETAILS
    ]
    short = _shorter_numbers(seen)
    if short:
        found.append(
            SuspectValue(
                code="lost_zeros",
                field="accountId",
                count=short.count,
                row=short.line,
                detail=_LOST_ZEROS,
            )
        )
    return sorted(found, key=lambda warning: (warning.row, warning.field, warning.code))


def _marks(field: str, text: object) -> Iterator[str]:
    if not isinstance(text, str):
        return
    # Ids with such a character are rejected. In a credential it may be meant.
    if field == "credentials" and not text.isascii() and hidden_issue(text):
        yield f"invisible:{field}"
    for name, mark in _MARKS.items():
        # Models and settings have versions, such as 4.0.
        if mark.fullmatch(text) and (name != "decimal" or field in ("accountId", "channelId")):
            yield f"{name}:{field}"


def _shorter_numbers(seen: Mapping[str, Seen]) -> Seen | None:
    """Return the ids of fewer digits than most have, if they may have lost their zeros."""
    lengths = {
        int(name.removeprefix(_LENGTH)): marked
        for name, marked in seen.items()
        if name.startswith(_LENGTH)
    }
    if not lengths or _PADDED in seen:
        return None
    usual = max(lengths, key=lambda length: (lengths[length].count, length))
    shorter = [marked for length, marked in lengths.items() if length < usual]
    count = sum(marked.count for marked in shorter)
    counted = count == 10 ** (usual - 1) - 1  # 1, 2, 3 and so on
    if not shorter or usual < _SHORTEST_NUMBERED or counted or count > lengths[usual].count:
        return None
    return Seen(count=count, line=min(marked.line for marked in shorter))
