"""Backoff: how many attempts there are, and how long to wait between two of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

_DOUBLINGS = 62  # by then a base of one microsecond exceeds every cap
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginePolicy:
    """The defaults of definitions, and the limit that no definition changes (`max_reclaims`)."""

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
        """Return the upper bound of the wait after an attempt: min(cap, base * 2^(attempt-1)).

        Args:
            attempt: The attempt that failed, from 1.
        """
        # In integers and with a bounded shift: timedelta overflows, and a float loses precision.
        cap, base = self.cap // _MICROSECOND, self.base // _MICROSECOND
        microseconds = min(cap, base << min(attempt - 1, _DOUBLINGS))  # guard: backoff-cap
        return microseconds * _MICROSECOND

    def wait(self, attempt: int, fraction: float) -> timedelta:
        """Return the wait after a failed attempt, with full jitter: from zero to `longest`.

        Args:
            attempt: The attempt that failed, from 1.
            fraction: A number from [0, 1), uniformly distributed. The caller takes it from the
                task's random numbers, so that the same decision is made again after a crash.
        """
        # Full jitter spreads the retries of tasks that failed together better than a fixed wait
        # plus some jitter: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog,
        # 2015.
        return self.longest(attempt) * fraction  # guard: full-jitter
