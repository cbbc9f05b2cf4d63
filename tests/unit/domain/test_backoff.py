"""Backoff: doubling waits with full jitter."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from flamebot.domain.backoff import RetryPolicy

POLICY = RetryPolicy(max_attempts=9, base=timedelta(seconds=30), cap=timedelta(seconds=300))


def test_the_longest_wait_doubles_up_to_the_cap() -> None:
    """With a base of 30 s: 30 s, 60 s, 120 s, 240 s, and then the cap."""
    assert [POLICY.longest(attempt).total_seconds() for attempt in range(1, 7)] == [
        30,
        60,
        120,
        240,
        300,
        300,
    ]


def test_jitter_is_full() -> None:
    """The wait is from zero to the longest, in proportion to the random number."""
    assert POLICY.wait(2, 0.0) == timedelta()
    assert POLICY.wait(2, 0.5) == timedelta(seconds=30)


@given(
    st.timedeltas(min_value=timedelta(), max_value=timedelta(days=4000)),
    st.timedeltas(min_value=timedelta(), max_value=timedelta(days=4000)),
    st.integers(min_value=1, max_value=10_000),
    st.floats(min_value=0, max_value=1, exclude_max=True),
)
def test_the_law_holds_for_every_attempt(
    base: timedelta, cap: timedelta, attempt: int, fraction: float
) -> None:
    """I8: 0 <= wait <= min(cap, base * 2^(attempt-1)), without overflow at any attempt."""
    policy = RetryPolicy(max_attempts=3, base=base, cap=cap)
    microsecond = timedelta(microseconds=1)
    law = min(cap // microsecond, (base // microsecond) * 2 ** (attempt - 1))
    assert policy.longest(attempt) // microsecond == law
    assert timedelta() <= policy.wait(attempt, fraction) <= policy.longest(attempt)
