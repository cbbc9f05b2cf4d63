"""Links in texts: schemes, markup, domain names and addresses, also with a disguised dot."""

from __future__ import annotations

import re

from flamebot.domain.dotted_names import ENDINGS, harmless_name
from flamebot.domain.text_issue import Finding

_WEB = "com|net|org|io|gg|xyz|ly|biz|co"  # no English words
_PATTERNS = {
    "a scheme of links": (
        r"(?:https?|hxxps?|ftps?)\s*:|:\s*/\s*/|(?<![\w:/])//[^\W_]+[./]"
        r"|\bcolon\W+(?:forward\W+)?slash|\bslash\W+slash\b|\bmailto\s*:"
        r"|\b(?:tel|sms|javascript|vbscript|intent|facetime|skype):(?=[\w+(])|\bdata:\s?\w+/"
    ),
    "the beginning of a web address": r"\bwww\b|\bxn--|\bw\s?w\s?w\s*[.\u3002]",
    "markup": (
        r"</?(?:a|abbr|audio|b|base|blockquote|body|br|button|center|code|div|em|embed|font|form|frame"
        r"|h[1-6]|head|hr|html|i|iframe|image|img|input|ins|label|li|link|main|marquee|math|menu|meta"
        r"|object|ol|option|p|param|picture|pre|script|section|select|small|source|span|strike|strong"
        r"|style|sub|sup|svg|table|td|template|textarea|th|title|tr|tt|u|ul|var|video|xml)\b[^<>]*/?>"
        r"|<\s*/?\s*[a-z][\w-]*\s[^<>]*=|<\s*/?\s*(?:script|img|iframe|svg|style|meta)\b|<!|\]\("
    ),
    "a dot that is disguised": (
        r"[(\[{<*]\s*(?:\.|dot|d0t|punkt|punto|point)\s*[)\]}>*]"
        r"|[^\W_](?:-|_|/|~|\+)(?:dot|d0t|punkt)(?:-|_|/|~|\+)[^\W_]"
        rf"|[^\W_]\W{{1,3}}(?:dot|d0t|punkt|punto|period|point)\W{{1,3}}(?:{_WEB}|{{ends}})\b"
        rf"|[^\W_][\u3002\u00b7\u2022\u2219\u22c5\u02d9,;:|*~_]\s?(?:{_WEB})\b(?![-'])"
        rf"|[^\W_][\u3002\u00b7\u2022\u2219\u22c5\u02d9](?:{ENDINGS})\b"
    ),
    "an IP address": (
        r"(?<![\d.])(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}(?![\d.])"
        r"|\[[0-9a-f]*:[0-9a-f:]+\]|(?<![\w:])(?:[0-9a-f]{1,4}:){5,7}[0-9a-f]{1,4}(?![\w:])"
        r"|(?<![\w:])(?=[a-f:]*\d)(?:[0-9a-f]{1,4}:){1,7}:[0-9a-f:]*(?![\w:])"
    ),
    "a pointer to a link": (
        r"\blinks?\s+(?:is\s+)?(?:in|on|at)\s+(?:my\s+|the\s+)?(?:bio|profile|story|description)\b"
        r"|\bdiscord\W{0,2}gg\b|\b(?:bit|tiny|ow|cutt|t)\s?(?:\.|dot)?\s?(?:ly|url|me)\s?/"
    ),
}
_SPOKEN_ENDS = (
    r"(?:me|tv|ai|app|club|link|page|site|online|chat|dev|info|bio|vip|uk|de|fr|us|ru|eu|nl|cc|ee"
    r"|shop|store|website|blog|social|fans|live|co\W{1,3}uk)"
)
_LINKS = [
    (cause, re.compile(pattern.replace("{ends}", _SPOKEN_ENDS), re.IGNORECASE))
    for cause, pattern in _PATTERNS.items()
]
_NAME = re.compile(r"(?<![\w.@-])\w(?:[\w-]*\w)?(?:\.\w(?:[\w-]*\w)?)+")
_PATH = re.compile(r"[/?#:]\w")
# A dot with blanks: the ending decides, unless it begins a sentence.
_LOOSE = re.compile(
    rf"[^\W_](?:\s+[.\u3002]\s*({ENDINGS})|\s*[.\u3002]\s+({_WEB}))\b(?!')", re.IGNORECASE
)
# Phrases that look like an ending and are none.
_PHRASES = re.compile(
    r"\b(?i:an?|in|and|or|the|with|of|on|for|use|using|like|love|some|write|my|our|not)\s\.NET\b(?!/)"
    r"|\b[Dd]ot-?com\s(?:bubble|boom|crash|era|bust|years|age|compan|startup|days|job|million)"
)
_ENDING_WORDS = re.compile(
    "me|to|us|one|net|live|link|chat|page|bio|club|info|vip|fans|social", re.IGNORECASE
)
# "com" as a word of its own, where no language with that word would have it.
_BARE_END = re.compile(
    r"[^\W_][^\w\n]{1,3}(?:com|dotcom|dot-com)(?=\s*(?:$|[.,;:!?/)\n]|slash\b))"
    r"(?<!\b(?:rom|sit)[ -]com)",
    re.IGNORECASE,
)
_WORDS_BEFORE_A_QUAD = re.compile(
    r"\b(?:v|version|section|chapter|release|build|firmware|rule|part|step|clause|paragraph|\u00a7)\.?\s*$",
    re.IGNORECASE,
)
_LOOK_BACK = 20


def find_link(text: str) -> Finding | None:
    """Return the first part of a plain text that is a link or may be one.

    Args:
        text: The text as `disguise.plain` returns it.
    """
    text = _PHRASES.sub(lambda match: "x" * len(match[0]), text)
    for cause, pattern in _LINKS:
        for match in pattern.finditer(text):
            before = text[max(0, match.start() - _LOOK_BACK) : match.start()]
            if cause != "an IP address" or not _WORDS_BEFORE_A_QUAD.search(before):
                return _found(cause, match)
    for match in _NAME.finditer(text):
        if not harmless_name(match[0], path=_PATH.match(text, match.end()) is not None):
            return _found("a name with a dot inside; a blank follows the dot of a sentence", match)
    for match in _LOOSE.finditer(text):
        if not _begins_sentence(text, match):
            return _found("a dot before the ending of a domain", match)
    bare = _BARE_END.search(text)
    return _found("the ending of a domain", bare) if bare else None


def _begins_sentence(text: str, match: re.Match[str]) -> bool:
    """Return whether what looks like an ending is the first word of the next sentence."""
    word = match[1] or match[2]
    after = text[match.end() :]
    blank_after_dot = match[0][-len(word) - 1].isspace()
    goes_on = re.match(r"\s+[^\W\d_]", after) is not None
    return blank_after_dot and goes_on and _ENDING_WORDS.fullmatch(word) is not None


def _found(cause: str, match: re.Match[str]) -> Finding:
    return Finding(cause, match[0], match.start())
