"""The execution context keeps the last result per step, within its limit."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from flamebot.domain import context as execution_context
from flamebot.domain.context import LARGEST, fits, remember


def test_the_last_result_of_a_step_replaces_the_one_before() -> None:
    """The context does not grow with the rounds of a loop."""
    context = remember({"swipe": {"matches": 1}, "bio": {"text": "x"}}, "swipe", {"matches": 2})
    assert context == {"swipe": {"matches": 2}, "bio": {"text": "x"}}


def test_the_largest_other_result_goes_first() -> None:
    """Of equal results the first by step id goes first; the newest stays."""
    big = {"text": "x" * 6000}
    context = remember({"b": big, "a": big, "small": {"n": 1}}, "new", {"text": "y" * 6000})
    assert set(context) == {"b", "small", "new"}


def test_a_result_that_does_not_fit_is_not_remembered() -> None:
    """The context stays within its limit, and the step does not fail."""
    assert remember({}, "huge", {"text": "x" * LARGEST}) == {}


def test_small_members_count_as_the_database_stores_them() -> None:
    """Thousands of tiny members are larger in their column than in JSON text."""
    assert not fits({"step": {"list": [1] * 2000}})


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=10,
)


@given(values)
def test_nothing_takes_more_space_for_its_length_than_a_digit(value: object) -> None:
    """A byte of JSON becomes at most 21 bytes of jsonb: a short text needs no exact count."""
    assert execution_context._stored_size(value) <= 21 * execution_context._text_size(value)
    assert execution_context._stored_size(7) == 21 * execution_context._text_size(7)


@given(
    st.dictionaries(
        st.text(max_size=64), st.dictionaries(st.text(max_size=20), values, max_size=5), max_size=30
    ),
    st.text(max_size=64),
)
def test_what_is_remembered_fits(context: dict[str, object], step_id: str) -> None:
    """It has at most 16 KB of JSON, and the same inputs give the same context."""
    context = {step: result for step, result in context.items() if step.isprintable()}
    kept = remember(context, step_id, {"matches": 3})
    assert fits(kept)
    assert len(json.dumps(kept, ensure_ascii=False).encode("utf-8", "surrogatepass")) <= LARGEST
    assert kept[step_id] == {"matches": 3}
    assert kept == remember(dict(reversed(context.items())), step_id, {"matches": 3})
