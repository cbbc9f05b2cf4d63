"""Names of other services in texts, also misspelled on purpose.

A text that names a service leads readers there. A name that is also an ordinary word counts only
with a word or sign that points to an account.
"""

from __future__ import annotations

import re

from flamebot.domain.disguise import misspellings, readings, spelled
from flamebot.domain.text_issue import Finding

# No ordinary words: refused wherever they stand.
_NAME = (
    r"(?:insta(?:gram)?s?(?!-(?:worthy|famous|ready|perfect)\b)|snap\s?chat|tele\s?gr?amm?"
    r"|wh?at\W?s\W?\s?ap?p|whatapp|wapp|wechat|onlyfans|fansly|tik\s?tok|face\s?book|facetime"
    r"|imessage|skype|viber|zalo|kakao(?:\s?talk)?|link\s?tree|allmylinks|cash\s?app|venmo|pay\s?pal"
    r"|wickr|bluesky|snapcode|patreon|bit\s?ly|gmail|googlemail|hotmail|icloud|proton\s?mail|ymail)"
)
_NAMES = re.compile(rf"\b{_NAME}\b")
_SPELLED = re.compile(_NAME)
# The same, with blanks inside. The names are spelled without signs: those are squeezed out before.
_SPACED = re.compile(
    "|".join(
        r"\b" + r"\s?".join(name) + r"\b"
        for name in ("instagram", "telegram", "whatsapp", "snapchat", "skype", "viber", "linktree")
    )
)
_NO_SERVICE = re.compile(
    r"\b(?:an?|old|last|first|birthday|singing|this|every)\stelegram\b(?!\s*[:=@>-])(?!\sme\b)"
    r"|\btelegrams\b"
)
_SHORT = r"(?:ig|tg|kik|fb|sc|vk|qq)"
_WORDS = r"(?:snap|signal|discord|twitter|twitch|line\s?id)"
_MEDIA = (
    r"(?:youtube|linked\s?in|pinterest|psn|soundcloud|mastodon|badoo|grindr|aol|gmx|reddit|tumblr)"
)
# Ordinary words that are named as a service only beside "find me on" or before "account".
_COMMON = (
    r"(?:threads|messenger|steam|xbox|spotify|medium|session|matrix|bumble|hinge|tinder|zoom"
    r"|hangouts|slack|teams|element|line|yahoo|outlook|proton|zoho|x)"
)
_ANY = rf"(?:{_SHORT}|{_WORDS}|{_MEDIA}|{_COMMON}|we\s?chat)"
_POINTS = r"\s*(?:[=@\u27a1\u2192:]|-*>)"
_ACCOUNT = r"(?:id|handle|account|acc|user|username)"
_WRITE = (
    r"(?:find|message|text|write|reach|contact|add|follow|hit|ping|chat|dm|pm|call|ring|catch|see"
    r"|search|send|msg|talk)"
)
_POINTED = re.compile(
    # "ig: jane", "IG - jane", "ig is jane", "fb me"
    rf"(?<![^\W_]){_SHORT}(?:{_POINTS}|\s+-+\s|\s+(?:is|me)\b)|(?<![^\W_]){_MEDIA}{_POINTS}"
    # The same for ordinary words; the dash only where a clause begins.
    rf"|(?:^|[.!?;,\n(/|+]\s*|\b(?:my|me|us|here|or|and|also|via|on|add)\s)"
    rf"{_WORDS}\s+-+\s|(?<![^\W_]){_WORDS}{_POINTS}|\b(?:snap|twitter|line\sid)\sis\s(?!an?\b|the\b|my\b|not\b)"
    rf"|\b{_WORDS}\sme\b|\b{_WORDS}{_POINTS}\s*@"
    # "my signal", "add fb", "on ig"
    rf"|\b(?:my|via|add)\s+(?:{_SHORT}|{_WORDS})\b|\b(?:on|check)\s+{_SHORT}\b"
    r"|\b(?:on|check)\s+(?:twitter|discord|signal|line\s?id)\b"
    # "find me on line", "same name on youtube"
    rf"|\b{_WRITE}\s+(?:me|us|with\sme|to\sme|up)\s+(?:up\s+)?(?:on|at|via|over|through)\s+{_ANY}\b"
    rf"|\b(?:my|our)\s+{_MEDIA}\s+(?:{_ACCOUNT}|name|channel|page|profile|is)\b"
    rf"|\b{_ANY}\s+{_ACCOUNT}\b|\bon\s(?:the\s)?'?gram\b"
    # "we chat: jane", "my we chat"
    rf"|\bwe\schat{_POINTS}|\b(?:my|on|via|add|have|use|got)\s+we\schat\b"
    # "only fans" at the end of a sentence or before a name
    r"|(?<!the\s)(?<!are\s)(?<!were\s)(?<!our\s)\bonly\sfans(?:\s*$|\s*[.,;:!?=@)/]|\s+(?:page|link)\b)"
    r"|\b(?:my|on|an|via)\s+only\sfans\b"
)
_BEFORE_SIGNAL = (
    r"(?:phone|traffic|smoke|turn|busy|bat|mobile|radio|cell|warning|distress|alarm|train|railway)"
)
# Where the same words are ordinary ones.
_ORDINARY = re.compile(
    rf"\b{_BEFORE_SIGNAL}\ssignals?\b|\b(?:ginger|cold|brandy)\ssnaps?\b"
    r"|\b(?:an?|the|this|that|no|any|every|each|some|oh|clear|strong|weak|weaker|mixed|first|last"
    r"|good|bad|her|his|your|their|its|at\smy|family|inner|little|much)"
    rf"\s(?:signal|snap|discord|twitch|twitter)s?\b(?!{_POINTS}\s*\w)(?!\s+{_ACCOUNT}\b)(?!\s+me\b)"
    r"|\bsnap\s(?:decisions?|judg\w+|peas?|reactions?|polls?|verdicts?|answers?|elections?|back"
    r"|out|fasteners?|buttons?|photos?)\b"
    r"|\bsignal\s(?:strength|drops?|dropped|dies|died|was|has|had|goes|went|comes|came|lost|fades?"
    r"|disappears?|flares?|box|boxes|lamps?|processing|when|if|by|with|to|from|of|for|never|always"
    r"|towers?|is\s(?:weak|bad|strong|good|poor|lost|clear|gone|dead|low|patchy|green|red|fine"
    r"|terrible|great|not|never|always|too|so|very))\b"
    r"|\bdiscord\s(?:between|among|in)\b|\btwitter\s(?:at|in|and|when|from)\b"
    r"|\bon\ssignal,|\bcheck\ssignal(?:,|\sand)"
    r"|(?:\d ?|\b(?:sugar|salt|fat|protein|carbs)\s+[\d.]*)(?:tg|ig)\b(?!\s*[:=@])"
)
_FILL = "\u25af"
_X = re.compile(
    r"\b(?:[Mm]y|[Oo]n|via|[Ff]ollow)\s+X(?=\s*(?:[:=@]|$|[.,!?)]|is\b|as\b|account))|\bmy\sOF\b"
)


def find_service(text: str) -> Finding | None:
    """Return the first name of another service in a plain text.

    Args:
        text: The text as `disguise.plain` returns it.
    """
    if match := _X.search(text):
        return _found(text, text, match)
    for reading in readings(text):
        rest = _NO_SERVICE.sub(_hide, reading)
        if match := _NAMES.search(rest) or _POINTED.search(_ORDINARY.sub(_hide, rest)):
            return _found(text, reading, match)
    for word in spelled(text):
        if match := _SPELLED.search(word):
            return Finding("another service's name, letter by letter", match[0])
    for reading in misspellings(text):
        rest = _NO_SERVICE.sub(_hide, reading)
        if match := _NAMES.search(rest) or _SPACED.search(rest):
            return Finding("another service's name, misspelled", match[0])
    return None


def _hide(match: re.Match[str]) -> str:
    return _FILL * len(match[0])


def _found(text: str, reading: str, match: re.Match[str]) -> Finding:
    start = match.start() if len(reading) == len(text) else None
    return Finding("another service's name", match[0].strip(), start)
