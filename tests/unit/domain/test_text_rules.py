"""The rules for texts on an account."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flamebot.domain.text_rules import issues_in


@pytest.mark.parametrize(
    "text",
    [
        "Two truths and a wish: fresh bread, a long walk and no plans after it.",
        "Ask me about 1999. Or 2020-2024. Born on 1990-05-17, still 30 at heart.",
        "First line\nsecond line",
        "5.5 out of 10 cooks agree... me too! Follow your heart. So there.",
        "Café, naïve, Zürich, 東京, 👩‍🍳",
        "I run 10 km at 6:30, 3 times a week",
    ],
)
def test_a_plain_text_passes(text: str) -> None:
    """Numbers, dates, other scripts and line breaks are allowed."""
    assert issues_in(text, 300) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("x" * 301, "301 characters"),
        ("see https://example.org/me", "link"),
        ("see www.example.org", "link"),
        ("find me at example.com", "link"),
        ("linktr.ee is out, but bit.ly/abc is a link", "link"),
        ("call 555-123-4567", "phone"),
        ("call +44 20 7946 0958", "phone"),
        ("(030) 1234567", "phone"),
        ("write to @somebody", "handle"),
        ("me@example", "handle"),
        ("snap: somebody", "handle"),
        ("IG - somebody", "handle"),
        ("bell \x07", "control"),
        ("tab\there", "control"),
        ("half \ud83d pair", "control"),
        ("\uff57\uff57\uff57\uff0eexample", "link"),
    ],
)
def test_an_issue_is_named(text: str, named: str) -> None:
    """Links, phone numbers, handles, control characters and lengths have a sentence each."""
    assert any(named in str(issue) for issue in issues_in(text, 300)), issues_in(text, 300)


def test_all_issues_of_a_text_are_found_at_once() -> None:
    """All issues of a text are returned together."""
    assert len(issues_in("@me at x.com or 555 123 4567 \x00" + "x" * 300, 300)) == 5


@given(st.text(), st.integers(min_value=0, max_value=50))
def test_any_text_is_checked(text: str, longest: int) -> None:
    """Any text can be checked, and one that is too long never passes."""
    assert not (len(text) > longest and not issues_in(text, longest))
