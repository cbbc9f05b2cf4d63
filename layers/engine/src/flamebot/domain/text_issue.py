"""What is wrong with a text: the kind of issue, its cause and its place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_LONGEST_EXCERPT = 40


class TextIssueKind(StrEnum):
    """A kind of issue. Its value is stored with the task, its words go to the AI service."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    INVISIBLE = "invisible"
    LOOKALIKE = "lookalike"
    LINK = "link"
    PHONE = "phone"
    HANDLE = "handle"

    @property
    def advice(self) -> str:
        """What the next text must avoid, one sentence in our own words."""
        return _ADVICE[self]


_ADVICE = {
    TextIssueKind.EMPTY: "An earlier text was empty: write at least one sentence.",
    TextIssueKind.TOO_LONG: "An earlier text was too long: write fewer words.",
    TextIssueKind.INVISIBLE: (
        "An earlier text had tabs or invisible characters: use ordinary letters and blanks."
    ),
    TextIssueKind.LOOKALIKE: (
        "An earlier text had styled letters or mixed alphabets: use ordinary Latin letters."
    ),
    TextIssueKind.LINK: (
        "An earlier text had a link or a word with a dot inside: write no web address, no domain"
        " and no file name, and a blank after every full stop."
    ),
    TextIssueKind.PHONE: (
        "An earlier text had a number that could be a phone number: write few digits, and no long"
        " numbers."
    ),
    TextIssueKind.HANDLE: (
        "An earlier text had a handle, an e-mail address or the name of another service: name no"
        " app, no network and no user name, and write neither @ nor _."
    ),
}
_SUBJECT = {
    TextIssueKind.LINK: "The text has a link",
    TextIssueKind.PHONE: "The text has a phone number",
    TextIssueKind.HANDLE: "The text has a handle, an address or another service's name",
    TextIssueKind.INVISIBLE: "The text has control characters, or others that are invisible",
    TextIssueKind.LOOKALIKE: "The text has letters that only look like Latin ones",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A part of a text that a rule refuses."""

    cause: str  # in our own words
    excerpt: str
    start: int | None = None  # index; None: it stands in another reading of the text


@dataclass(frozen=True, slots=True)
class TextIssue:
    """Something that is wrong with a text."""

    kind: TextIssueKind
    finding: Finding

    def __str__(self) -> str:
        """Return a sentence that quotes the text, for its author."""
        if self.kind not in _SUBJECT:
            return f"{self.finding.cause}."
        excerpt = self.finding.excerpt
        if len(excerpt) > _LONGEST_EXCERPT:
            excerpt = excerpt[: _LONGEST_EXCERPT - 3] + "..."
        quoted = f' "{excerpt}"' if excerpt.isprintable() and excerpt else ""
        return f"{_SUBJECT[self.kind]}:{quoted}{self._place} ({self.finding.cause})."

    @property
    def without_text(self) -> str:
        """The sentence without a word of the text, for errors that are stored and shown."""
        if self.kind not in _SUBJECT:
            return f"{self.finding.cause}."
        return f"{_SUBJECT[self.kind]}{self._place} ({self.finding.cause})."

    @property
    def _place(self) -> str:
        start = self.finding.start
        return "" if start is None else f" at character {start + 1}"
