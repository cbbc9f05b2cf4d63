"""Strict JSON: ambiguous documents are refused, and errors do not quote them."""

from __future__ import annotations

import pytest

from flamebot.domain.strict_json import NotJson, parse_json


def test_plain_json_is_read() -> None:
    """Ordinary JSON is read as by any other parser."""
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
    """Duplicate names, NaN and very deep nesting; the message does not quote the text."""
    with pytest.raises(NotJson) as raised:
        parse_json(text)
    assert "planted" not in str(raised.value)
