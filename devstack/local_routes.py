"""Routes that only the local stack has: tick now, and move the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from devstack.aws.functions import FunctionError, Throttled
from devstack.aws.gateway import LocalRoute
from devstack.aws.ticker import to_event
from devstack.clock import ScheduleClock
from devstack.loopback import Answer, json_answer
from flamebot.domain.duration import parse_duration


class LocalRoutes:
    """The handlers of `POST /dev/tick` and `POST /dev/clock`."""

    def __init__(
        self,
        clock: ScheduleClock,
        tick: Callable[[dict[str, Any]], Any],
        bring_forward: Callable[[float], None],
    ) -> None:
        """Take what the routes act on.

        Args:
            clock: The schedule clock.
            tick: Runs the tick function on an event. Raises `FunctionError` or `Throttled`.
            bring_forward: Shortens the delay of queued messages by wall-clock seconds.
        """
        self._clock = clock
        self._tick = tick
        self._bring_forward = bring_forward

    def routes(self) -> dict[str, LocalRoute]:
        """Return the handlers by path."""
        return {"/dev/tick": self._tick_now, "/dev/clock": self._move_clock}

    def _tick_now(self, _document: object) -> Answer:
        try:
            return json_answer(200, self._tick(to_event("tick", self._clock.now())))
        except (FunctionError, Throttled) as error:
            return json_answer(500, {"message": str(error)})

    def _move_clock(self, document: object) -> Answer:
        if not isinstance(document, dict) or set(document) - {"advance"}:
            message = 'The body must be {"advance": DURATION} with a duration such as "2h".'
            return json_answer(422, {"message": message})
        try:
            seconds = parse_duration(document.get("advance", 0)).total_seconds()
            self._clock.advance(seconds)
            # A message is delayed until a schedule time, which the advance has brought nearer.
            self._bring_forward(seconds / self._clock.speed)
        except (ValueError, OverflowError) as error:
            return json_answer(422, {"message": str(error)})
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        text = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return json_answer(200, {"now": text, "speed": self._clock.speed})
