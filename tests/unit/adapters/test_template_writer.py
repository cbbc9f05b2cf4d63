"""The offline writer."""

from __future__ import annotations

from typing import Literal

import pytest

from flamebot.adapters.template_writer.writer import TemplateWriter
from flamebot.domain.action import TextBrief
from flamebot.domain.text_rules import issues_in


def brief(kind: Literal["prompt", "bio"], seed: str, limit: int = 300) -> TextBrief:
    """What to write."""
    return TextBrief(kind=kind, model_id="m", channel_id="c", max_length=limit, seed=seed)


def test_the_same_seed_writes_the_same_text() -> None:
    """A text depends on its seed and kind alone, so a crashed attempt writes it again as it was."""
    assert TemplateWriter().write(brief("bio", "i-1:3")) == TemplateWriter().write(
        brief("bio", "i-1:3")
    )
    assert TemplateWriter().write(brief("bio", "i-1:3")).tokens == 0


@pytest.mark.parametrize("kind", ["prompt", "bio"])
def test_texts_are_varied_and_pass_the_rules(kind: Literal["prompt", "bio"]) -> None:
    """Five hundred seeds write hundreds of texts, each of which may go on an account."""
    texts = [TemplateWriter().write(brief(kind, f"i-{n}:1")).text for n in range(500)]
    assert len(set(texts)) > 150
    assert [issues_in(text, 300) for text in texts] == [[]] * 500


@pytest.mark.parametrize("limit", [1, 10, 40, 80, 120, 200])
@pytest.mark.parametrize("kind", ["prompt", "bio"])
def test_a_short_limit_is_kept(kind: Literal["prompt", "bio"], limit: int) -> None:
    """No text is longer than asked, and none is empty."""
    for n in range(100):
        assert issues_in(TemplateWriter().write(brief(kind, f"i-{n}:1", limit)).text, limit) == []
