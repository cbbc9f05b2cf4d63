"""Handles and e-mail addresses in texts, and words that announce one."""

from __future__ import annotations

import re

from flamebot.domain.dotted_names import harmless_name
from flamebot.domain.text_issue import Finding

_PATTERNS = {
    "an @ in an address": r"\w@[^\W\d]|[^\W\d_]@\w|[(\[{<*]\s*at\s*[)\]}>*]",
    # "dinner @ 8", "meet @ the park"
    "an @ before a name": (
        r"(?<!\w)@(?!\d{1,2}(?:[:.]\d\d|\s?[ap]\.?m|h)?(?![\w.]))\w"
        r"|(?<!\w)@\s(?!(?:\d{1,2}(?:[:.]\d\d)?\s?(?:[ap]\.?m\b|h\b)?(?!\w)|the|an?|my|our|your|home|work|noon"
        r"|night|lunch|dinner|midnight|dawn|dusk|sunset|sunrise|least|that|which|sign|key|in|on|is)\b)\w"
    ),
    "an e-mail service": (
        r"\b(?!look|glance|good|bad)\w+\s+at\s+(?:outlook|yahoo|aol|gmx|proton|zoho)\b"
        r"|\b(?:outlook|yahoo|aol|gmx|proton|zoho)\s(?:dot|mail|address|account)\b"
        r"|\b(?:e-?mail|mail)\s*[:=]\s*[^\W\d_]"
    ),
    "words that announce a name": (
        r"\bmy\shandle\s*(?:is|[:=]|-\s)|\bmy\suser\s?name\b(?!\s(?:is|was)\s(?:an?|the|not|no|too|so"
        r"|still|longer|shorter|older|my)\b)"
        r"|\bsame\s(?:handle|user\s?name|nick(?:name)?)\b"
        r"|\buser\s?name(?:\s*[:=-]\s*|\s+is\s+(?!an?\b|the\b|not\b|too\b|longer\b|shorter\b)|\s+)(?!and\b|or\b|for\b|that\b|is\b|was\b|in\b|on\b|of\b"
        r"|to\b|with\b|again\b|like\b|I\b|ever\b)\w"
        r"|\b(?:dm|pm|inbox)\s+me\b|\bslide\sinto\smy\sdms?\b|\bhmu\b|\badd\s+me\s+on\b"
        r"|\b(?:search|look\sme\sup|find\sme|user|id|nick|acc|account)\s*(?:for|as|under|by|is|:|=)?\s*"
        r"(?!(?:gate|route|page|bus|line|track|platform)\d)[^\W\d_]{3,}\d{2,}\b"
        r"|[^\W\d_]{2,}#\d{4}\b"
    ),
    "a symbol that announces a name": (
        "[\U0001f4de\u260e\U0001f4f1\U0001f4f2\U0001f4e7\u2709\U0001f4e9\U0001f48c\U0001f47b\U0001f4f7"
        "\U0001f4f8\U0001f426]\ufe0f?\\s?(?:[:=@\u27a1\u2192-]\ufe0f?)\\s*\\w"
    ),
}
_HANDLES = [(cause, re.compile(text, re.IGNORECASE)) for cause, text in _PATTERNS.items()]
# An underscore at the beginning, inside or at the end of a name, with the rest of a file's name.
_UNDERSCORED = re.compile(r"(?<![\w.])(?=[\w.-]*_)(?=[\w.-]*[^\W_])[\w-]+(?:\.[\w-]+)*")
_FACE = re.compile(r"(?i:([a-z])_\1)")
# Emphasis: a title of several words, or a word that is no name.
_EMPHASIS = re.compile(
    r"(?<!\w)_[^\W_][^_\n]*\s[^_\n]*[^\W_][.,!?]?_(?!\w)"
    r"|(?<!\w)_(?:really|very|not|never|always|love|do|did|is|so|my|your|the|all|any|only|must|will"
    r"|can|are|was|one|good|best|too|you|me|us|we|our|I)_(?!\w)",
    re.IGNORECASE,
)
_CODE = frozenset(("snake_case", "__init__", "__main__", "__name__"))


def find_handle(text: str) -> Finding | None:
    """Return the first part of a plain text that is a handle or an address, or announces one.

    Args:
        text: The text as `disguise.plain` returns it.
    """
    for cause, pattern in _HANDLES:
        if match := pattern.search(text):
            return Finding(cause, match[0].strip(), match.start())
    text = _EMPHASIS.sub(lambda match: match[0].replace("_", "*"), text)
    for match in _UNDERSCORED.finditer(text):
        name = match[0]
        file = "." in name and harmless_name(name)
        if not file and name not in _CODE and not _FACE.fullmatch(name):
            return Finding("an underscore in a name", name, match.start())
    return None
