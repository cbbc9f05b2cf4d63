"""The schedule clock runs at its speed, survives restarts and never goes back."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from devstack.clock import Anchor, ScheduleClock, engine_clock


class WallTime:
    """Wall time that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> WallTime:
    """A wall time that the test moves."""
    return WallTime()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of the clock's file."""
    return tmp_path / "clock.json"


def test_a_new_clock_shows_wall_time(path: Path, wall: WallTime) -> None:
    """A clock that never ran begins at wall time, and runs at its speed."""
    clock = ScheduleClock(path, 60, wall=wall)
    assert clock.now() == wall.now
    wall.now += 2
    assert clock.now() == 1_000_000 + 120


def test_the_file_says_the_same(path: Path, wall: WallTime) -> None:
    """The file has the three names that functions read, and its formula gives the time."""
    clock = ScheduleClock(path, 60, wall=wall)
    clock.advance(7200)
    document = json.loads(path.read_text())
    assert set(document) == {"anchorWall", "anchorSchedule", "speed"}
    wall.now += 3
    assert (
        clock.now()
        == document["anchorSchedule"] + (wall.now - document["anchorWall"]) * document["speed"]
    )


def test_restarts_keep_the_time(path: Path, wall: WallTime) -> None:
    """Schedule time runs at wall speed after a clean stop, at its own speed after a crash."""
    first = ScheduleClock(path, 60, wall=wall)
    wall.now += 10
    first.rest()
    before = first.now()
    wall.now += 100
    second = ScheduleClock(path, 10, wall=wall)
    assert second.now() == before + 100
    wall.now += 5
    assert ScheduleClock(path, 1, wall=wall).now() == before + 100 + 50


def test_wall_time_set_back_does_not_set_it_back(path: Path, wall: WallTime) -> None:
    """When the machine's clock is set back, schedule time stands still."""
    clock = ScheduleClock(path, 60, wall=wall)
    wall.now += 10
    clock.advance(0)
    before = clock.now()
    wall.now -= 5
    assert clock.now() >= before
    clock.advance(0)
    assert clock.now() >= before


@pytest.mark.parametrize("seconds", [-1, -0.001, float("nan"), float("inf")])
def test_it_only_goes_forwards(path: Path, wall: WallTime, seconds: float) -> None:
    """A negative or infinite advance is rejected."""
    clock = ScheduleClock(path, 1, wall=wall)
    with pytest.raises(ValueError, match="forwards"):
        clock.advance(seconds)


@pytest.mark.parametrize("speed", [0, -1, float("nan"), 10**9])
def test_a_speed_out_of_range_is_rejected(path: Path, wall: WallTime, speed: float) -> None:
    """The speed is a positive number of at most a million."""
    with pytest.raises(ValueError, match="speed"):
        ScheduleClock(path, speed, wall=wall)
    assert not path.exists()


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"anchorWall": 1, "anchorSchedule": 1, "speed": 0}']
)
def test_a_damaged_file_is_rejected(path: Path, wall: WallTime, content: str) -> None:
    """A file that holds no clock is an error that names the file."""
    path.write_text(content)
    with pytest.raises(ValueError, match="not a schedule clock"):
        ScheduleClock(path, 1, wall=wall)


def test_an_advance_wakes_a_waiter(path: Path) -> None:
    """Moving the clock wakes a waiter whose time has come."""
    clock = ScheduleClock(path, 1)
    woken = threading.Event()

    def wait() -> None:
        if clock.wait_until(clock.now() + 3600, at_most=10, stopped=lambda: False):
            woken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.05)
    clock.advance(7200)
    thread.join(5)
    assert woken.is_set()


def test_other_processes_follow(path: Path) -> None:
    """A process that reads the file follows its changes."""
    clock = ScheduleClock(path, 1)
    now = engine_clock(path)
    assert abs(now() - clock.now()) < 1
    clock.advance(86400)
    assert abs(now() - clock.now()) < 1
    assert abs(engine_clock(None)() - time.time()) < 1


def test_before_its_anchor_it_stands_still() -> None:
    """At a wall time before the anchor, schedule time is the anchor's."""
    assert Anchor(100.0, 500.0, 60.0).at(90.0) == 500.0
