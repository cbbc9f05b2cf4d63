"""How much an invocation may still do before the platform ends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from flamebot.domain.errors import FlamebotError

_BEGIN_RESERVE_SECONDS = 15.0  # beyond one call: the questions before it, the commit after it
_COMMIT_RESERVE_SECONDS = 5.0


class OutOfTime(FlamebotError):
    """Another call does not fit into this invocation."""

    code = "out_of_time"


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of the function. `remaining` answers in wall-clock seconds."""

    remaining: Callable[[], float]
    call_timeout: timedelta

    @property
    def may_begin(self) -> bool:
        """Whether a task begun now can be carried to its commit."""
        return self.remaining() >= self.call_timeout.total_seconds() + _BEGIN_RESERVE_SECONDS

    def need_call(self) -> None:
        """Raise `OutOfTime` unless one more call of full length, and the commit, fit in."""
        if self.remaining() < self.call_timeout.total_seconds() + _COMMIT_RESERVE_SECONDS:
            raise OutOfTime
