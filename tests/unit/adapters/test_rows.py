"""What is sent to Postgres as JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flamebot.adapters.postgres import rows

# Whatever may be mistaken for half a surrogate pair, or for a NUL, once it stands in JSON.
PIECES = st.sampled_from(
    [
        "\\",
        "u",
        "d83d",
        "dd25",
        "0000",
        "\ud83d",
        "\udd25",
        "\x00",
        "\U0001f525",
        '"',
        "\n",
        "é",
        "x",
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join) | st.text(st.characters(exclude_categories=())))
def test_only_what_jsonb_cannot_hold_is_replaced(text: str) -> None:
    """NUL and halves of surrogate pairs become a replacement character.

    Every other text is what it was.
    """
    storable = (
        text.replace("\x00", "\ufffd")
        .encode("utf-16-le", "surrogatepass")
        .decode("utf-16-le", "replace")
    )
    assert json.loads(rows.to_json({text: [text]})) == {storable: [storable]}


def test_an_emoji_is_nothing_to_look_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts of every plane are written as they are.

    One emoji does not have a whole commit looked through.
    """
    monkeypatch.setattr(rows, "_storable", None)
    assert json.loads(rows.to_json({"text": "fresh bread \U0001f525\U0001f525, Zürich"})) == {
        "text": "fresh bread \U0001f525\U0001f525, Zürich"
    }
