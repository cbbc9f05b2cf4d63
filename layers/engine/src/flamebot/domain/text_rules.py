"""Rules for texts that go on an account: short, plain, and without a way around the platform."""

from __future__ import annotations

import re
import unicodedata

_LINK = re.compile(
    r"(?:https?|ftp)\s*:\s*/\s*/|\bwww\s*\."
    r"|[a-z0-9]\.(?:com|net|org|io|me|co|app|link|ly|gg|tv|info|biz|xyz|site|online|dev|ai|uk|de|fr|us)\b",
    re.IGNORECASE,
)
# Seven digits or more with only separators between them, unless they are a date or two years.
_DIGITS = re.compile(r"\+?\(?\d(?:[\s().\-/]*\d){6,}")
_DATE = re.compile(r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{4}|(?:19|20)\d\d\s?[-/]\s?(?:19|20)\d\d")
_HANDLE = re.compile(
    r"(?<!\w)@\s?\w|\w@\w|\b(?:insta(?:gram)?|ig|snap(?:chat)?|telegram|tg|whats\s?app|kik|tik\s?tok|discord|onlyfans)\s*(?:[:=@]|is\b|me\b|-\s)",
    re.IGNORECASE,
)


def flaws_in(text: str, max_length: int) -> list[str]:
    """Say what is wrong with a text, one sentence each; an empty list means that it may be used.

    Lengths are in characters (code points), as the actions service counts them.
    """
    flaws = []
    if not text.strip():
        flaws.append("The text is empty.")
    if len(text) > max_length:
        flaws.append(f"The text has {len(text)} characters; at most {max_length} are allowed.")
    # Cs: half a surrogate pair, which no database and no request can carry.
    if any(unicodedata.category(character) in ("Cc", "Cs") and character != "\n" for character in text):
        flaws.append("The text has control characters.")
    plain = unicodedata.normalize("NFKC", text)
    if _LINK.search(plain):
        flaws.append("The text has a link.")
    if any(not _DATE.fullmatch(match[0]) for match in _DIGITS.finditer(plain)):
        flaws.append("The text has a phone number.")
    if _HANDLE.search(plain):
        flaws.append("The text has a handle or an address.")
    return flaws


def flaw_in(text: str, max_length: int) -> str | None:
    """Say the first thing that is wrong with a text; None means that it may be used."""
    flaws = flaws_in(text, max_length)
    return flaws[0] if flaws else None
