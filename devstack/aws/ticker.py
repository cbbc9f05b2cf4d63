"""EventBridge rules on this machine: they fire on the schedule clock, at a least wall-time gap."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from devstack.aws.functions import FunctionError, Throttled
from devstack.clock import ScheduleClock

TICK_GAP_SECONDS = 0.25
OTHER_GAP_SECONDS = 2.0


def to_event(name: str, at: float) -> dict[str, Any]:
    """Return the event of a rule that fires at a schedule time."""
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "eu-west-1",
        "resources": [f"arn:aws:events:eu-west-1:123456789012:rule/{name}"],
        "detail": {},
    }


def next_firing(now: float, period: float) -> float:
    """Return the start of the next period of schedule time."""
    return (now // period + 1) * period


def local_horizon(speed: float, period: float = 60.0, gap: float = TICK_GAP_SECONDS) -> int:
    """Return TICK_HORIZON_SECONDS for a clock of this speed, in schedule time.

    It is 120 s or two tick periods, whichever is more.
    """
    between_ticks = max(period, gap * speed)
    return max(120, int(2 * between_ticks + 0.999))


class Ticker:
    """Runs one function on its schedule, one run at a time."""

    def __init__(
        self,
        name: str,
        clock: ScheduleClock,
        period: float,
        gap: float,
        invoke: Callable[[dict[str, Any]], Any],
    ) -> None:
        """Prepare the ticker without firing.

        Args:
            name: The function, for the thread's name and the event.
            clock: The schedule clock.
            period: Seconds of schedule time between two firings.
            gap: The shortest wall time between two firings.
            invoke: Runs the function. Raises `FunctionError` or `Throttled`.
        """
        self._name = name
        self._clock = clock
        self._period = period
        self._gap = gap
        self._invoke = invoke
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"rule-{name}", daemon=True)

    def start(self) -> None:
        """Fire at the start of each following period."""
        self._thread.start()

    def stop(self, grace_seconds: float) -> None:
        """Stop firing, and wait for a run that is in progress."""
        self._stopping.set()
        self._clock.wake()
        self._thread.join(grace_seconds)

    def _run(self) -> None:
        due = next_firing(self._clock.now(), self._period)
        while not self._stopping.is_set():
            if not self._clock.wait_until(due, at_most=1.0, stopped=self._stopping.is_set):
                continue
            fired = time.monotonic()
            # A failure is in the function's log, and the next firing does the same work.
            with suppress(FunctionError, Throttled):
                self._invoke(to_event(self._name, self._clock.now()))
            due = next_firing(self._clock.now(), self._period)
            self._stopping.wait(max(0.0, self._gap - (time.monotonic() - fired)))
