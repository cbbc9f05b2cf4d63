"""The time that an invocation may still use, and the reserves that each kind of work needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from flamebot.domain.errors import FlamebotError
from flamebot.ports.clock import Clock


class OutOfTime(FlamebotError):
    """Another call does not fit into this invocation."""

    code = "out_of_time"


@dataclass(frozen=True, slots=True)
class TimeBudget:
    """The wall-clock seconds until an invocation must end, and what still fits into them.

    Attributes:
        remaining: Returns the seconds that are left; negative when the time is over.
        call_timeout: How long one call to the actions service or the writer may take.
    """

    remaining: Callable[[], float]
    call_timeout: timedelta = timedelta()

    # Seconds. A task that is begun also needs: lock, status and registration calls, the commit.
    BEGIN_RESERVE: ClassVar = 15.0
    COMMIT_RESERVE: ClassVar = 5.0  # a call also needs its commit; a commit, what follows it
    # An import's chunk at its longest: the statement timeout, a slow read, a slow key service.
    CHUNK_RESERVE: ClassVar = 30.0
    PART_RESERVE: ClassVar = 5.0  # one part of a maintenance pass

    TICK_SECONDS: ClassVar = 40.0  # the next tick continues where this one stopped
    # A chunk that is sent in waves takes up to a second; after this, a tick has too many for that.
    TICK_WAVES_SECONDS: ClassVar = 12.0
    DISPATCH_SECONDS: ClassVar = 10.0  # part of an API request, which must end within 29 s
    SEARCH_SECONDS: ClassVar = 10.0  # of a maintenance pass, for workflows without a task

    @classmethod
    def starting_now(cls, clock: Clock, seconds: float) -> TimeBudget:
        """Return a budget of so many wall-clock seconds."""
        end = clock.monotonic() + seconds
        return cls(lambda: end - clock.monotonic())

    def part(self, seconds: float) -> TimeBudget:
        """Return a budget for one part of the work that leaves the part reserve."""
        stop_at = max(self.remaining() - seconds, self.PART_RESERVE)
        return TimeBudget(lambda: self.remaining() - stop_at)

    @property
    def over(self) -> bool:
        """Whether no time is left for the work."""
        return self.remaining() <= 0

    @property
    def may_begin(self) -> bool:
        """Whether a task that is begun now can be carried to its commit."""
        needed = self.call_timeout.total_seconds() + self.BEGIN_RESERVE  # guard: begin-reserve
        return self.remaining() >= needed

    @property
    def may_store_chunk(self) -> bool:
        """Whether another chunk of an import can be stored."""
        return self.remaining() >= self.CHUNK_RESERVE

    @property
    def may_start_part(self) -> bool:
        """Whether another part of a maintenance pass can be done."""
        return self.remaining() >= self.PART_RESERVE

    def may_commit_after(self, wait: float) -> bool:
        """Whether a commit can be repeated after waiting so many seconds."""
        return self.remaining() >= wait + self.COMMIT_RESERVE

    def need_call(self) -> None:
        """Raise `OutOfTime` unless one more call of full length and its commit fit in."""
        needed = self.call_timeout.total_seconds() + self.COMMIT_RESERVE  # guard: call-reserve
        if self.remaining() < needed:
            raise OutOfTime
