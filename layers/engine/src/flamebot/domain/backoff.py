"""Backoff: how long to wait between attempts, and how many there are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

_DOUBLINGS = 62  # by then a base of a microsecond has reached every cap
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginePolicy:
    """What holds where a definition says nothing, and what no definition can change (`max_reclaims`)."""

    max_attempts: int
    max_reclaims: int
    retry_base: timedelta
    retry_cap: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """A definition's rule for failed attempts. `max_attempts` is the default of its steps."""

    max_attempts: int
    base: timedelta
    cap: timedelta

    def longest(self, attempt: int) -> timedelta:
        """The most that may pass between attempt `attempt` (from 1) and the one after it: min(cap, base * 2^(attempt-1))."""
        return (
            min(
                self.cap // _MICROSECOND,
                (self.base // _MICROSECOND) << min(attempt - 1, _DOUBLINGS),
            )
            * _MICROSECOND
        )

    def wait(self, attempt: int, fraction: float) -> timedelta:
        """Wait this long after attempt `attempt` failed: full jitter, uniform from zero to `longest`.

        `fraction` is uniform in [0, 1); the caller draws it, so that the answer repeats.
        Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
        """
        return self.longest(attempt) * fraction
