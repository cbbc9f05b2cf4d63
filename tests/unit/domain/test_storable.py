"""The rules for what a JSON column can hold."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flamebot.domain.numbers import Inexact
from flamebot.domain.storable import (
    DEEPEST,
    definitely_storable,
    size,
    text_issue,
    unstorable,
    values,
)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("a\x00b", "NUL"),
        ("\ud800", "surrogate"),
        (float("nan"), "finite"),
        (float("inf"), "finite"),
        (2**63, "too large"),
        (1e30, "too large"),
        (Inexact("0.1"), "more digits"),
        (date(2030, 1, 1), "JSON has no date"),
        ({"a\x00": 1}, "NUL"),
        ({1: 1}, "strings"),
    ],
)
def test_what_no_column_takes_is_named(value: object, named: str) -> None:
    """YAML and lenient parsers accept values that the database refuses. The issue names them."""
    issues = unstorable({"steps": [{"spectre": value}]})
    assert [issue.pointer for issue in issues] == ["/steps/0/spectre"]
    assert named in issues[0].detail


def test_a_document_that_holds_itself_is_refused() -> None:
    """An anchor of YAML can make one; the check ends all the same."""
    document: dict[str, Any] = {}
    document["self"] = document
    assert f"{DEEPEST} levels" in unstorable(document)[0].detail


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(-(2.0**62), 2.0**62),
        st.lists,
        max_leaves=20,
    )
)
def test_ordinary_json_is_storable(value: object) -> None:
    """No value that JSON has is refused."""
    assert unstorable(value) == []
    assert size(value) == len(json.dumps(value, separators=(",", ":")))


_TEXTS = st.text(st.characters()) | st.sampled_from(["\x00", "\ud800", "\\u0000", "\U0001f600"])


@given(
    st.recursive(
        _TEXTS, lambda inner: st.lists(inner) | st.dictionaries(_TEXTS, inner), max_leaves=8
    ),
    st.booleans(),
)
def test_what_is_definitely_storable_has_no_issue(value: object, ascii_only: bool) -> None:
    """One search of the text misses no issue that a check of every value finds."""
    try:
        text = json.dumps(value, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:  # not UTF-8, so it cannot be a body
        return
    if definitely_storable(text):
        assert not any(text_issue(path, found) for path, found in values(value))


@pytest.mark.parametrize("text", ["plain", "\U0001f600 ü", "tab\there", "C:\\users"])
def test_ordinary_text_is_definitely_storable(text: str) -> None:
    """Text without escapes, as clients usually write it, needs no check of its values."""
    assert definitely_storable(json.dumps({text: text}, ensure_ascii=False).encode())
