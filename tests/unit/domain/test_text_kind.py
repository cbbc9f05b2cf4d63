"""Kinds of texts: one that no writer could write cannot be declared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flamebot.domain.text_kind import TextKind, TextTemplates

KIND = TextKind(
    name="motto",
    instructions="Write a motto.",
    max_length=50,
    templates=TextTemplates(openings=("Be kind.",), bodies=("Be bold.",), closings=("Be you.",)),
)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "no name"),
        ({"instructions": "  "}, "no instructions"),
        ({"max_length": 0}, "below one character"),
        ({"templates": replace(KIND.templates, openings=())}, "is missing"),
        ({"templates": replace(KIND.templates, closings=("",))}, "is missing"),
    ],
)
def test_an_impossible_kind_is_refused(changes: dict[str, object], message: str) -> None:
    """The error names the kind, and it is raised when the action's file is imported."""
    with pytest.raises(ValueError, match=message):
        replace(KIND, **changes)  # type: ignore[arg-type]  # one case each
