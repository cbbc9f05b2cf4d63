"""Rules for texts on an account: length, plain characters, and no way to contact it elsewhere.

The patterns prefer a false alarm to a missed link: a refused text is generated again.
"""

from __future__ import annotations

import re

from flamebot.domain.disguise import invisible, lookalike, plain, readings

_ENDS = (
    r"(?:com|net|org|io|me|co|app|link|ly|gg|tv|info|biz|xyz|site|online|dev|ai|uk|de|fr|us|ru"
    r"|club|vip|page|bio|chat|one|to|cc)"
)
_LINK = re.compile(
    # Schemes and what follows them, with blanks in between or spelled out.
    r"(?:https?|hxxps?|ftp)\s*:|:\s*/\s*/|//\s*\w|\bwww\b|\bxn--|\bcolon\s+slash\b|\bslash\s+slash\b"
    # Other schemes that a click opens, HTML tags, and links of Markdown.
    r"|\b(?:mailto|tel|sms|javascript|vbscript|intent)\s*:|\bdata:\s?\w+/|<\s*/?\s*[a-z!]|\]\s*\("
    # A name that ends like a domain.
    rf"|[^\W_]\.{_ENDS}\b"
    # Any name with a dot inside: after the dot of a sentence there is a space.
    r"|(?<![^\W_])[^\W_]{2,}\.[^\W\d_]{2,}"
    # The dot with blanks around it, or an ideographic one.
    rf"|[^\W_]\s+[.\u3002]\s*{_ENDS}\b|[^\W_]\u3002{_ENDS}\b|[^\W_]\s*\.\s+(?:com|net|org)\b"
    # The dot in brackets, or as a word.
    rf"|[(\[{{<*]\s*(?:\.|dot|punkt)\s*[)\]}}>*]|[^\W_]\s+(?:dot|d0t)\s+{_ENDS}\b|[^\W_]-dot-"
    # Addresses of IPv4 and IPv6.
    r"|(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])|\[[0-9a-f]*:[0-9a-f:]+\]",
    re.IGNORECASE,
)
_MOST_READ = 4_000  # characters; a longer text is refused for its length anyway
# Seven digits or more with at most three separators between two of them, but not dates, years or
# one large number.
_DIGITS = re.compile(r"\+?\(?\d(?:[^\w\n]{0,3}\d){6,}")
_NO_PHONE = re.compile(
    r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{4}"
    r"|(?:19|20)\d\d(?:\s?[-/,]\s?(?:19|20)\d\d)+|\d{1,3}(?:,\d{3}){2,}"
)
_NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_NUMBER_WORD = re.compile(rf"\b(?:{'|'.join(_NUMBER_WORDS)})\b", re.IGNORECASE)
_HANDLE = re.compile(
    # An @ before a name or inside an address, "at" in brackets, and underscores in a name.
    r"(?<!\w)@\s?\w|\w@\w|[(\[{<*]\s*at\s*[)\]}>*]|[^\W_]_+[^\W_]|(?<!\w)_[^\W_]|[^\W_]_(?!\w)"
    # Mail services, and words that announce a name.
    r"|\b(?:gmail|googlemail|yahoo|hotmail|outlook|icloud|proton\s?mail)\b|\bmy\s+handle\b"
    r"|\buser\s?name\b|\b(?:dm\s+me|hmu)\b|\badd\s+me\s+on\b",
    re.IGNORECASE,
)
# Names of other services: a text that names one leads readers there.
_SERVICE = re.compile(
    r"\b(?:insta(?:gram)?s?|snap\s?chat|telegram|whats\s?app|we\s?chat|only\s?fans|fansly|tik\s?tok"
    r"|facebook|skype|viber|zalo|kakao(?:talk)?|link\s?tree|cash\s?app|venmo|paypal)\b"
    # These are also ordinary words: they count only with a word or sign that points to an account.
    r"|\b(?:ig|snap|tg|kik|discord|signal|fb|twitter|twitch|line\s+id)\s*"
    r"(?:[:=@]|is\b|me\b|-\s|>|\u27a1|\u2192)"
    r"|\b(?:my|on|via|add|check)\s+(?:ig|snap|tg|kik|discord|signal|fb|twitter|line\s+id)\b",
)


def issues_in(text: str, max_length: int) -> list[str]:
    """Return everything that is wrong with a text, one sentence each.

    Args:
        text: The text.
        max_length: The most characters (code points, as the actions service counts them).
    """
    issues = []
    if not text.strip():
        issues.append("The text is empty.")
    if len(text) > max_length:
        issues.append(f"The text has {len(text)} characters; at most {max_length} are allowed.")
    text = text[:_MOST_READ]
    if invisible(text):
        issues.append("The text has control characters, or others that are invisible.")
    if lookalike(text):
        issues.append("The text has letters that only look like Latin ones.")
    read = plain(text)
    if _LINK.search(read):
        issues.append("The text has a link.")
    if _phone(read):
        issues.append("The text has a phone number.")
    if _HANDLE.search(read) or any(_SERVICE.search(reading) for reading in readings(read)):
        issues.append("The text has a handle, an address or another service's name.")
    return issues


def issue_in(text: str, max_length: int) -> str | None:
    """Return the first thing that is wrong with a text; None if it may be used."""
    issues = issues_in(text, max_length)
    return issues[0] if issues else None


def _phone(text: str) -> bool:
    # Digits that are written as words, as in "five five five".
    spoken = _NUMBER_WORD.sub(lambda match: str(_NUMBER_WORDS.index(match[0].lower())), text)
    return any(
        not _NO_PHONE.fullmatch(match[0])
        for reading in (text, spoken)
        for match in _DIGITS.finditer(reading)
    )
