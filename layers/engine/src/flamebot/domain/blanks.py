"""Blanks: characters that show nothing, of which a copied text often has some at its ends.

A file of accounts holds them after a separator or a paste. An id or a token with such a character
is another id or token, and looks the same.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_SPACES: Final = "".join(map(chr, (*range(0x09, 0x0E), *range(0x1C, 0x21), 0x85, 0xA0, 0x1680)))
_WIDE_SPACES: Final = "".join(map(chr, (*range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F)))
# Zero-width characters, marks of writing direction, fillers, the byte order mark. Not the variation
# selectors: an emoji may end with one.
_INVISIBLE: Final = "".join(
    map(
        chr,
        (
            *(0x1A, 0xAD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E),
            *range(0x200B, 0x2010),
            *range(0x202A, 0x202F),
            *range(0x2060, 0x2070),
            *(0x2800, 0x3000, 0x3164, 0xFEFF, 0xFFA0),
        ),
    )
)
BLANKS: Final = _SPACES + _WIDE_SPACES + _INVISIBLE
_HIDDEN: Final = frozenset(BLANKS) - {" "}


def edge_issue(text: str) -> str | None:
    """Return the issue of a text that begins or ends with a blank."""
    for place, character in (("Begins", text[:1]), ("Ends", text[-1:])):
        if character and character in BLANKS:
            return f"{place} with a blank ({_name(character)})."
    return None


def hidden_issue(text: str) -> str | None:
    """Return the issue of a text with a blank or control character but spaces between words."""
    issue = edge_issue(text)
    if issue is None and not (text.isascii() and text.isprintable()):
        for position, character in enumerate(text, 1):
            if character in _HIDDEN or unicodedata.category(character) == "Cc":
                return f"Has an invisible character ({_name(character)}) in position {position}."
    return issue


def _name(character: str) -> str:
    return f"U+{ord(character):04X}"
