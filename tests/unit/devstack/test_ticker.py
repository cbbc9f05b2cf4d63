"""Rules fire on the schedule clock's minutes, but not too often in wall time."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from devstack.aws.functions import FunctionError
from devstack.aws.ticker import Ticker, local_horizon, next_firing, to_event
from devstack.clock import ScheduleClock


class Rule:
    """A rule that records when it fired."""

    def __init__(self) -> None:
        self.fired: list[float] = []
        self.first = threading.Event()

    def __call__(self, event: dict[str, Any]) -> None:
        """Take the event, and fail: the ticker does not mind."""
        assert event["detail-type"] == "Scheduled Event"
        self.fired.append(time.monotonic())
        self.first.set()
        raise FunctionError({"errorType": "KeyError"})


def test_firings_are_on_whole_periods() -> None:
    """The next firing is the next whole period, never now."""
    assert next_firing(119.5, 60) == 120
    assert next_firing(120, 60) == 180


def test_the_event_is_eventbridges() -> None:
    """The event says when, in schedule time."""
    event = to_event("tick", 1_795_424_400)
    assert (event["source"], event["time"]) == ("aws.events", "2026-11-23T09:00:00Z")


def test_it_fires_on_the_minute_and_not_before(tmp_path: Path) -> None:
    """At twice real speed a minute is half a minute away; moving the clock there fires at once."""
    clock = ScheduleClock(tmp_path / "clock.json", 1)
    clock.advance(next_firing(clock.now(), 3600) - clock.now() + 1)
    rule = Rule()
    ticker = Ticker("tick", clock, 3600, 0.01, rule)
    ticker.start()
    assert not rule.first.wait(0.2)
    clock.advance(3600)
    assert rule.first.wait(2)
    ticker.stop(2)
    assert len(rule.fired) == 1


def test_a_fast_clock_does_not_fire_too_often(tmp_path: Path) -> None:
    """Between two firings there is at least the gap, however fast the clock runs."""
    rule = Rule()
    ticker = Ticker("tick", ScheduleClock(tmp_path / "clock.json", 10_000), 60, 0.1, rule)
    ticker.start()
    time.sleep(0.75)
    ticker.stop(2)
    gaps = [later - earlier for earlier, later in zip(rule.fired, rule.fired[1:], strict=False)]
    assert len(gaps) >= 2
    assert min(gaps) >= 0.09


@pytest.mark.parametrize(
    ("speed", "horizon"), [(1, 120), (60, 120), (240, 120), (241, 121), (2000, 1000)]
)
def test_the_horizon_spans_two_ticks(speed: float, horizon: int) -> None:
    """The local horizon is 120 s, or two tick periods when the clock outruns them."""
    assert local_horizon(speed) == horizon
