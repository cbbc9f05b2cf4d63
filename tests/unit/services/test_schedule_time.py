"""Schedule time between two answers of the database."""

from __future__ import annotations

from datetime import timedelta

from flamebot.services.schedule_time import ScheduleTime
from tests.unit.services.stand_ins import NOON, HandClock


def test_schedule_time_follows_the_database() -> None:
    """Where the database's clock is the schedule clock, time goes on from what it last said."""
    clock = HandClock()
    time = ScheduleTime(clock)
    clock.elapsed = 3
    time.synchronize(NOON + timedelta(seconds=10))
    clock.elapsed = 5
    assert time.now() == NOON + timedelta(seconds=12)


def test_the_schedule_clock_is_read() -> None:
    """A schedule clock of its own may have been moved since the database spoke."""
    clock = HandClock(scheduled=True, rate=60)
    time = ScheduleTime(clock)
    time.synchronize(NOON - timedelta(days=1))
    clock.elapsed = 2
    assert time.now() == NOON + timedelta(minutes=2)


def test_waits_are_real() -> None:
    """A minute of schedule time is a second at sixty times the speed."""
    assert (
        ScheduleTime(HandClock(scheduled=True, rate=60)).seconds_until(NOON + timedelta(minutes=1))
        == 1
    )
