"""Disguised texts: invisible characters, letters that look like others, and what a reader reads.

Unicode Technical Standard 39, "Unicode Security Mechanisms", describes the problem.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

from flamebot.domain.text_issue import Finding

# Legitimate between letters of some scripts and between emoji, never beside ASCII.
_JOINERS = "\u200c\u200d"
_VARIATIONS = "\ufe0e\ufe0f"  # text or emoji style of the character before them
# Letters and symbols by their category, but blank on the screen: fillers, a braille cell without
# dots, the grapheme joiner.
_BLANKS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
# Categories of invisible characters. Cs is half of a surrogate pair, which cannot be encoded.
_INVISIBLE = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))
_MOST_MARKS = 3  # combining marks on one letter; no language uses more
_LATINS_TWINS = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU")
_PHONETIC = ((0x0250, 0x02AF), (0x1D00, 0x1DBF))  # small capitals and the like
_FULL_WIDTH = (0xFF01, 0xFF5E)  # ordinary in East Asian text; `plain` maps them to ASCII
_ORDINALS = "\u00aa\u00ba"
_MARKS_BEFORE_DIGITS = ("Mn", "Me", "Cf")
_WORD = re.compile(r"[^\W\d_]+")
_TWINS = str.maketrans(
    "\u0430\u0441\u0435\u0456\u0458\u043e\u0440\u0455\u0443\u0445\u0501\u04bb\u03bf\u03b1\u03b9\u03bd",
    "aceijopsyxdhoaiv",
)
_LEET = str.maketrans("013457$", "oieasts")
_SPELLED = re.compile(r"(?<!\w)[^\W_](?:[\s.\-_*|/~]+[^\W_](?!\w)){3,}")
_SINGLES = re.compile(r"(?<!\S)\S(?:\s+\S(?!\S)){3,}")
# Signs between two letters. A blank ends a word, and an apostrophe stands in many.
_SIGNS = re.compile(r"(?<=[^\W\d_])[.\-_*|~^`\u00b7\u2022]{1,2}(?=[^\W\d_])")
# Signs in the place of an "i" or "l": before a letter, so that "Hi!" stays what it is.
_STROKE = re.compile(r"[!|](?=[^\W\d_])")
_STROKES = {"!": "i", "|": "l"}
_REPEATED = re.compile(r"(.)\1{2,}")


def invisible(text: str) -> Finding | None:
    """Return the first invisible character of a text. Line breaks are allowed."""
    marks = 0
    for at, (before, character) in enumerate(pairwise(f" {text}")):
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if character == "\n" or (character in _VARIATIONS and before not in _VARIATIONS):
            continue
        if character in _JOINERS and not before.isascii():
            continue
        if (
            category in _INVISIBLE
            or character in _BLANKS
            or marks > _MOST_MARKS
            or (before in _JOINERS and character.isascii())
            or unicodedata.name(character, "").startswith("VARIATION SELECTOR")
        ):
            return Finding(f"U+{ord(character):04X}", "", at)
    if text[-1:] in tuple(_JOINERS):
        return Finding(f"U+{ord(text[-1]):04X}", "", len(text) - 1)
    return None


def lookalike(text: str) -> Finding | None:
    """Return the first word of a text with letters that look like Latin ones.

    They are styled, phonetic, or of another script inside a word with Latin letters.
    """
    for at, character in enumerate(text):
        if not character.isascii() and _styled(character):
            return Finding(f"U+{ord(character):04X}", character, at)
    for word in _WORD.finditer(text):
        scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in word[0]}
        # A whole word of another script is ordinary text; a mixed one imitates a Latin word.
        if "LATIN" in scripts and scripts & set(_LATINS_TWINS):
            return Finding("two alphabets in one word", word[0], word.start())
    return None


def plain(text: str) -> str:
    """Return what a reader reads: without invisible characters, digits of any script as ASCII."""
    resolved = unicodedata.normalize("NFKC", text)
    visible = (
        c
        for c in resolved
        if c not in _BLANKS and unicodedata.category(c) not in _MARKS_BEFORE_DIGITS
    )
    return "".join(c if c.isascii() else _digit(c) for c in visible)


def readings(text: str) -> list[str]:
    """Return a plain text in lower case, and the other ways in which it may be read.

    With digits read as letters ("1nsta"), and with look-alike letters of other scripts replaced.
    """
    lower = text.lower().translate(_TWINS)
    leet = lower.translate(_LEET)
    return list(dict.fromkeys((lower, leet)))


def spelled(text: str) -> list[str]:
    """Return the words of a plain text that are spelled letter by letter, joined.

    Letters of the words around may be joined to them.
    """
    lower = text.lower().translate(_TWINS)
    words = [re.sub(r"[\s.\-_*|/~]+", "", match[0]) for match in _SPELLED.finditer(lower)]
    return [*words, *(word.translate(_LEET) for word in words)]


def misspellings(text: str) -> list[str]:
    """Return a plain text as it reads if its spelling is a disguise.

    Without accents, without signs between letters or repeated letters ("in-sta.gram",
    "instaaagram"), and with letters and signs that look alike exchanged ("lnsta", "te|egram").
    Only long names may be searched in it: it makes other words of many short ones.
    """
    decomposed = unicodedata.normalize("NFKD", text.lower().translate(_TWINS))
    bare = "".join(c for c in decomposed if unicodedata.category(c) != "Mn")
    bare = _REPEATED.sub(r"\1", _STROKE.sub(lambda match: _STROKES[match[0]], bare))
    squeezed = _SIGNS.sub("", bare)
    leet = squeezed.translate(_LEET)
    return list(
        dict.fromkeys((bare, squeezed, leet, leet.replace("i", "l"), leet.replace("l", "i")))
    )


def unspaced(text: str) -> str:
    """Return a plain text with single characters joined, as in "j a n e . c o m"."""
    return _SINGLES.sub(lambda match: re.sub(r"\s+", "", match[0]), text)


def _styled(character: str) -> bool:
    code = ord(character)
    if character in _ORDINALS or _FULL_WIDTH[0] <= code <= _FULL_WIDTH[1]:
        return False
    if any(low <= code <= high for low, high in _PHONETIC):
        return True
    if unicodedata.category(character) == "So" and " LATIN " in unicodedata.name(character, ""):
        return True
    # Mathematical, circled, squared and parenthesised letters resolve to an ASCII letter.
    resolved = unicodedata.normalize("NFKC", character)
    letter = resolved.strip("()")
    return len(letter) == 1 and letter.isascii() and letter.isalpha()


def _digit(character: str) -> str:
    digit = unicodedata.digit(character, None)
    return character if digit is None else str(digit)
