"""Texts without a service: put together from parts, the same ones for the same seed."""

from __future__ import annotations

from typing import Final

from flamebot.domain.action import TextBrief
from flamebot.domain.task_random import TaskRandom
from flamebot.ports.writer import Written

_PROMPT_OPENINGS: Final = (
    "Two truths and a wish",
    "A small debate to settle",
    "The best part of my week",
    "My ideal slow Sunday",
    "Something I could talk about for hours",
    "The quickest way to my good side",
    "A hill I will happily stand on",
    "My favourite kind of evening",
    "A question I ask everyone",
    "An unusual skill I am proud of",
)
_PROMPT_BODIES: Final = (
    "fresh bread, a long walk and no plans after it",
    "whether a hot dog is a sandwich, with evidence",
    "finding a quiet bench with a very good view",
    "cooking something ambitious and laughing when it fails",
    "old maps, new music and the stories behind both",
    "learning one good joke in every language",
    "a museum in the morning and noodles at night",
    "board games that end friendships and start new ones",
    "the smell of rain on a warm street",
    "guessing the plot of a film from its first minute",
    "keeping a tomato plant alive against all odds",
    "taking the scenic way even when it is raining",
)
_PROMPT_CLOSINGS: Final = (
    "What is yours?",
    "Tell me where you stand.",
    "Your turn.",
    "Convince me otherwise.",
    "I want to hear your version.",
    "Agree or disagree?",
)
_BIO_OPENINGS: Final = (
    "Early riser, slow coffee drinker and collector of small adventures.",
    "Half bookshop, half hiking trail, always up for a detour.",
    "Curious by nature and calm by practice.",
    "Happiest with flour on my hands or sand in my shoes.",
    "I say yes to most plans that involve good food and good company.",
    "Part-time gardener, full-time optimist.",
    "Fond of long conversations, short queues and warm bread.",
    "I collect recipes, train tickets and good questions.",
)
_BIO_BODIES: Final = (
    "On weekends you will find me at a market, on a bike or lost in a crossword.",
    "Lately I have been learning to make pasta and to lose at chess with grace.",
    "I am slowly walking every street of this city, with frequent stops for cake.",
    "My playlists make no sense and my houseplants have names.",
    "I care about kindness, punctual trains and proper seasoning.",
    "I can tell you far too much about birds, bridges and old films.",
    "A perfect day has some sun, some music and nowhere to be.",
    "I am better at asking questions than at small talk.",
)
_BIO_CLOSINGS: Final = (
    "Tell me about the last thing that made you laugh.",
    "Looking for someone to share dessert with.",
    "Bring a story and I will bring the snacks.",
    "Let us start with a walk and see where it goes.",
    "Recommend me a book and I will read it.",
    "Ask me about my worst cooking disaster.",
)
_PARTS: Final = {
    "prompt": (_PROMPT_OPENINGS, _PROMPT_BODIES, _PROMPT_CLOSINGS),
    "bio": (_BIO_OPENINGS, _BIO_BODIES, _BIO_CLOSINGS),
}


class TemplateWriter:
    """The offline default: deterministic by the brief's seed, hundreds of texts of each kind."""

    def write(self, brief: TextBrief) -> Written:
        """Write; costs nothing. A short limit drops the end of the text, whole sentences at a time."""
        draw = TaskRandom(brief.seed)
        opening, body, closing = (
            part[draw.integer(0, len(part) - 1, "text", brief.kind, place)]
            for place, part in enumerate(_PARTS[brief.kind])
        )
        first = f"{opening}: {body}." if brief.kind == "prompt" else f"{opening} {body}"
        for text in (f"{first} {closing}", first, closing, opening):
            if len(text) <= brief.max_length:
                return Written(text=text)
        return Written(text=opening[: brief.max_length].rstrip())
