"""The schedule clock runs at its speed, survives restarts and never runs back."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from devstack.clock import Anchor, ScheduleClock, engine_clock


class Real:
    """A real clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def real() -> Real:
    """Wall time."""
    return Real()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the clock lives."""
    return tmp_path / "clock.json"


def test_a_new_clock_shows_real_time(path: Path, real: Real) -> None:
    """A clock that never ran begins at wall time, and runs at its speed."""
    clock = ScheduleClock(path, 60, real=real)
    assert clock.now() == real.now
    real.now += 2
    assert clock.now() == 1_000_000 + 120


def test_the_file_says_the_same(path: Path, real: Real) -> None:
    """The file has the three names that the functions read, and its formula gives the clock's time."""
    clock = ScheduleClock(path, 60, real=real)
    clock.advance(7200)
    document = json.loads(path.read_text())
    assert set(document) == {"anchorWall", "anchorSchedule", "speed"}
    real.now += 3
    assert (
        clock.now()
        == document["anchorSchedule"] + (real.now - document["anchorWall"]) * document["speed"]
    )


def test_restarts_keep_the_time(path: Path, real: Real) -> None:
    """After a rest schedule time has moved on like wall time, after a crash at its own speed; never back."""
    first = ScheduleClock(path, 60, real=real)
    real.now += 10
    first.rest()
    before = first.now()
    real.now += 100
    second = ScheduleClock(path, 10, real=real)
    assert second.now() == before + 100
    real.now += 5
    assert ScheduleClock(path, 1, real=real).now() == before + 100 + 50


def test_real_time_stepping_back_does_not_turn_it_back(path: Path, real: Real) -> None:
    """When the machine's own clock is set back, schedule time waits."""
    clock = ScheduleClock(path, 60, real=real)
    real.now += 10
    clock.advance(0)
    before = clock.now()
    real.now -= 5
    assert clock.now() >= before
    clock.advance(0)
    assert clock.now() >= before


@pytest.mark.parametrize("seconds", [-1, -0.001, float("nan"), float("inf")])
def test_it_only_goes_forwards(path: Path, real: Real, seconds: float) -> None:
    """No advance turns it back or makes it no time at all."""
    clock = ScheduleClock(path, 1, real=real)
    with pytest.raises(ValueError, match="forwards"):
        clock.advance(seconds)


@pytest.mark.parametrize("speed", [0, -1, float("nan"), 10**9])
def test_no_senseless_speed(path: Path, real: Real, speed: float) -> None:
    """A clock neither stands still nor runs back."""
    with pytest.raises(ValueError, match="speed"):
        ScheduleClock(path, speed, real=real)
    assert not path.exists()


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"anchorWall": 1, "anchorSchedule": 1, "speed": 0}']
)
def test_what_is_no_clock_is_refused(path: Path, real: Real, content: str) -> None:
    """A damaged file is named, not guessed at."""
    path.write_text(content)
    with pytest.raises(ValueError, match="no schedule clock"):
        ScheduleClock(path, 1, real=real)


def test_whoever_waits_sees_an_advance(path: Path) -> None:
    """Moving the clock wakes whoever waits for a time that has come now."""
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
    """Who reads the file sees a change of it."""
    clock = ScheduleClock(path, 1)
    now = engine_clock(path)
    assert abs(now() - clock.now()) < 1
    clock.advance(86400)
    assert abs(now() - clock.now()) < 1
    assert abs(engine_clock(None)() - time.time()) < 1


def test_before_its_anchor_it_stands() -> None:
    """At a wall time before the anchor it shows the anchor's time."""
    assert Anchor(100.0, 500.0, 60.0).at(90.0) == 500.0
