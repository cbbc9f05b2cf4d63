"""The writer that generates texts offline."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flamebot.actions.add_bio import BIO
from flamebot.actions.add_prompt import PROMPT
from flamebot.adapters.template_writer.writer import TemplateWriter
from flamebot.domain.action import TextBrief
from flamebot.domain.text_kind import TextKind
from flamebot.domain.text_rules import issues_in


def brief(kind: TextKind, seed: str, limit: int = 300) -> TextBrief:
    """Return a brief for a text of at most `limit` characters."""
    return TextBrief(kind=replace(kind, max_length=limit), model_id="m", channel_id="c", seed=seed)


def test_the_same_seed_writes_the_same_text() -> None:
    """A text depends on seed and kind only: after a crash the same text is written again."""
    assert TemplateWriter().write(brief(BIO, "i-1:3")) == TemplateWriter().write(
        brief(BIO, "i-1:3")
    )
    assert TemplateWriter().write(brief(BIO, "i-1:3")).tokens == 0


@pytest.mark.parametrize("kind", [PROMPT, BIO])
def test_texts_are_varied_and_pass_the_rules(kind: TextKind) -> None:
    """500 seeds give more than 150 different texts, and all of them pass the text rules."""
    texts = [TemplateWriter().write(brief(kind, f"i-{n}:1")).text for n in range(500)]
    assert len(set(texts)) > 150
    assert [issues_in(text, 300) for text in texts] == [[]] * 500


@pytest.mark.parametrize("limit", [1, 10, 40, 80, 120, 200])
@pytest.mark.parametrize("kind", [PROMPT, BIO])
def test_a_short_limit_is_kept(kind: TextKind, limit: int) -> None:
    """No text is longer than the limit, and none is empty."""
    for n in range(100):
        assert issues_in(TemplateWriter().write(brief(kind, f"i-{n}:1", limit)).text, limit) == []
