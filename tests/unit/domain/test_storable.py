"""What a JSON column can hold."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flamebot.domain.storable import (
    DEEPEST,
    definitely_storable,
    places,
    size,
    text_issue,
    unstorable,
)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("a\x00b", "NUL"),
        ("\ud800", "surrogate"),
        (float("nan"), "finite"),
        (float("inf"), "finite"),
        (2**63, "too large"),
        (date(2030, 1, 1), "JSON has no date"),
        ({"a\x00": 1}, "NUL"),
        ({1: 1}, "strings"),
    ],
)
def test_what_no_column_takes_is_named(value: object, named: str) -> None:
    """YAML and lenient parsers let in what the database refuses; the pointer says where."""
    issues = unstorable({"steps": [{"spectre": value}]})
    assert [issue.pointer for issue in issues] == ["/steps/0/spectre"]
    assert named in issues[0].detail


def test_a_document_that_holds_itself_is_refused() -> None:
    """An anchor of YAML can make one; the check ends nevertheless."""
    document: dict[str, Any] = {}
    document["self"] = document
    assert f"{DEEPEST} levels" in unstorable(document)[0].detail


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**62), 2**62)
        | st.floats(allow_nan=False, allow_infinity=False),
        st.lists,
        max_leaves=20,
    )
)
def test_ordinary_json_is_storable(value: object) -> None:
    """Nothing that JSON has is refused."""
    assert unstorable(value) == []
    assert size(value) == len(json.dumps(value, separators=(",", ":")))


_TEXTS = st.text(st.characters()) | st.sampled_from(["\x00", "\ud800", "\\u0000", "\U0001f600"])


@given(
    st.recursive(
        _TEXTS, lambda inner: st.lists(inner) | st.dictionaries(_TEXTS, inner), max_leaves=8
    ),
    st.booleans(),
)
def test_what_is_surely_clean_has_no_issue(value: object, ascii_only: bool) -> None:
    """One search of the whole misses nothing that a look at every value finds, however the document was written."""
    try:
        text = json.dumps(value, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:  # no UTF-8, and so no body
        return
    if definitely_storable(text):
        assert not any(text_issue(path, found) for path, found in places(value))


@pytest.mark.parametrize("text", ["plain", "\U0001f600 ü", "tab\there", "C:\\users"])
def test_ordinary_text_is_surely_clean(text: str) -> None:
    """As a client writes it in UTF-8: then nothing else has to be looked at."""
    assert definitely_storable(json.dumps({text: text}, ensure_ascii=False).encode())
