"""The system's clock and the schedule clock."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flamebot.adapters.clock.schedule import ScheduleClock
from flamebot.adapters.clock.system import SystemClock
from flamebot.domain.errors import Unavailable
from flamebot.ports.clock import Clock

EPOCH = datetime(2026, 3, 1, tzinfo=UTC)
Set = Callable[..., None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the clock's file is."""
    return tmp_path / "clock.json"


@pytest.fixture
def set_clock(path: Path) -> Set:
    """Writes the file as the local stack does: whole, by renaming."""

    def write(engine: datetime = EPOCH, speed: float = 1.0) -> None:
        fresh = path.with_suffix(".new")
        fresh.write_text(
            json.dumps(
                {"anchorWall": time.time(), "anchorSchedule": engine.timestamp(), "speed": speed}
            )
        )
        fresh.replace(path)

    return write


def near(moment: datetime, expected: datetime, within: float = 2.0) -> bool:
    """Whether a moment is at or soon after another."""
    return timedelta() <= moment - expected + timedelta(milliseconds=1) < timedelta(seconds=within)


def test_the_system_clock_leaves_schedule_time_to_the_database() -> None:
    """In production the database's clock is the schedule clock, at its natural speed."""
    clock: Clock = SystemClock()
    assert (clock.now(), clock.rate) == (None, 1.0)
    assert near(clock.wall(), datetime.fromtimestamp(time.time() - 1, UTC))


@pytest.mark.parametrize("make", [SystemClock, lambda: ScheduleClock("/nowhere")])
def test_waits_are_real(make: Callable[[], Clock]) -> None:
    """Sleeping takes wall-clock seconds, and less than none is none."""
    clock = make()
    began = clock.monotonic()
    clock.sleep(-5)
    clock.sleep(0.05)
    assert 0.05 <= clock.monotonic() - began < 1


def test_the_schedule_clock_runs_as_fast_as_it_is_set(path: Path, set_clock: Set) -> None:
    """Schedule time starts at the anchor and passes at the file's speed.

    Wall time does not care.
    """
    set_clock(speed=3600)
    clock = ScheduleClock(path)
    first = clock.now()
    time.sleep(0.1)
    passed = clock.now() - first
    assert clock.rate == 3600
    assert near(first, EPOCH, within=3600)
    assert timedelta(minutes=6) <= passed < timedelta(minutes=60)
    assert near(clock.wall(), datetime.fromtimestamp(time.time() - 1, UTC))


def test_a_new_setting_is_seen_at_once(path: Path, set_clock: Set) -> None:
    """Setting the clock forward or changing its speed holds from the next read on."""
    set_clock()
    clock = ScheduleClock(str(path))
    stamp = path.stat().st_mtime_ns
    assert near(clock.now(), EPOCH)
    set_clock(EPOCH + timedelta(days=7), speed=2)
    os.utime(path, ns=(stamp, stamp))
    assert near(clock.now(), EPOCH + timedelta(days=7))
    assert clock.rate == 2


def test_schedule_time_never_runs_back(path: Path, set_clock: Set) -> None:
    """A file that names an earlier time stops the clock until that time has passed."""
    set_clock(EPOCH + timedelta(hours=1))
    clock = ScheduleClock(path)
    latest = clock.now()
    set_clock(EPOCH)
    assert clock.now() == latest


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"anchorWall": 1}', '{"anchorWall": 1, "anchorSchedule": "x", "speed": 1}'],
)
def test_a_file_that_cannot_be_read_changes_nothing(path: Path, set_clock: Set, text: str) -> None:
    """While the file is broken or gone the setting before it holds.

    A clock that stands or runs back is no setting.
    """
    set_clock()
    clock = ScheduleClock(path)
    clock.now()
    path.write_text(text)
    assert near(clock.now(), EPOCH)
    for speed in (0, -1):
        set_clock(EPOCH + timedelta(days=1), speed=speed)
        assert near(clock.now(), EPOCH)
    path.unlink()
    assert near(clock.now(), EPOCH)


def test_a_clock_that_was_never_set_is_unavailable(path: Path) -> None:
    """Without any setting there is no schedule time to guess."""
    with pytest.raises(Unavailable):
        ScheduleClock(path).now()


def test_threads_may_share_it(path: Path, set_clock: Set) -> None:
    """Read by many threads while it is set repeatedly, the clock never runs back."""
    set_clock(speed=1000)
    clock = ScheduleClock(path)
    seen: list[list[datetime]] = [[] for _ in range(4)]

    def ask(times: list[datetime]) -> None:
        times += [clock.now() for _ in range(300)]

    threads = [threading.Thread(target=ask, args=(times,)) for times in seen]
    for thread in threads:
        thread.start()
    for _ in range(50):
        set_clock(speed=1000)
    for thread in threads:
        thread.join()
    assert all(len(times) == 300 and times == sorted(times) for times in seen)
