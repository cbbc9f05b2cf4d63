"""JSON that every reader reads alike; whatever else is refused without being quoted."""

from __future__ import annotations

import pytest

from flamebot.domain.strict_json import NotJson, parse_json


def test_plain_json_is_read() -> None:
    """As anybody would."""
    assert parse_json(' {"a": [1, 1.5, true, null, "x"]} ') == {"a": [1, 1.5, True, None, "x"]}


@pytest.mark.parametrize(
    "text",
    [
        '{"planted": 1, "planted": 2}',
        "NaN",
        "[-Infinity]",
        "1e999",
        "planted",
        '{"planted": ',
        "[" * 200_000,
        "1" * 5000,
        '"planted',
        "",
    ],
    ids=[
        "twice",
        "nan",
        "infinity",
        "too large",
        "word",
        "open",
        "deep",
        "long",
        "quote",
        "nothing",
    ],
)
def test_what_is_read_in_two_ways_is_refused(text: str) -> None:
    """Names twice, numbers that are none, nesting without end; the message shows nothing of it."""
    with pytest.raises(NotJson) as raised:
        parse_json(text)
    assert "planted" not in str(raised.value)
