"""The parent's side of worker processes: start them together, follow their totals, stop them."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.database import ROOT
from bench.machine import processor_seconds

_TIMEOUT = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """The totals of the workers.

    `seconds` counts from the start signal to the last completed workflow.
    """

    seconds: float
    steps: float
    statements: float
    messages: float
    claimed: float
    cpu_seconds: float  # of the workers
    all_cpu_seconds: float  # of the workers, Postgres and their parent


class Workers:
    """Worker processes that are ready to start."""

    def __init__(
        self, url: str, *, processes: int, threads: int, max_queued: int, environments: int = 1
    ) -> None:
        """Start the workers and wait until each is connected.

        The `environments` of a process share its queue.
        """
        order = json.dumps(
            {"url": url, "threads": threads, "max_queued": max_queued, "environments": environments}
        )
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "bench.worker", order],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(processes)
        ]
        self._latest: list[dict[str, Any]] = [{} for _ in self._processes]
        self._spent = 0.0
        for process in self._processes:
            self._read(process)

    def run(self, workflows: int) -> Ran:
        """Let the workers work until so many workflows are complete."""
        begun, followers = self._go()
        while self._sum("workflows") < workflows:
            time.sleep(0.05)
            assert time.time() - begun < _TIMEOUT, (
                f"{self._sum('workflows')} of {workflows} workflows after {_TIMEOUT} s"
            )
            assert all(process.poll() is None for process in self._processes), "a worker died"
        return self._end(max(latest["at"] for latest in self._latest) - begun, followers)

    def run_until(self, done: Callable[[], bool], *, timeout: float) -> Ran:
        """Let the workers work until a condition holds or the time is over.

        The condition is checked once a second.
        """
        begun, followers = self._go()
        while time.time() - begun < timeout and not done():
            time.sleep(1)
        return self._end(time.time() - begun, followers)

    def _go(self) -> tuple[float, list[threading.Thread]]:
        begun, self._spent = time.time(), processor_seconds()
        followers = [
            threading.Thread(target=self._follow, args=(place,), daemon=True)
            for place in range(len(self._processes))
        ]
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for follower in followers:
            follower.start()
        return begun, followers

    def _end(self, seconds: float, followers: list[threading.Thread]) -> Ran:
        spent = processor_seconds() - self._spent
        self.stop()
        for follower in followers:
            follower.join()
        sums = {
            name: self._sum(name)
            for name in ("steps", "statements", "messages", "claimed", "cpu_seconds")
        }
        return Ran(seconds=seconds, all_cpu_seconds=spent, **sums)

    def stop(self) -> None:
        """End the input of the workers and wait for them."""
        for process in self._processes:
            assert process.stdin is not None
            if not process.stdin.closed:
                process.stdin.close()
        for process in self._processes:
            process.wait(90)

    def _sum(self, name: str) -> float:
        return float(sum(latest.get(name, 0) for latest in self._latest))

    def _follow(self, place: int) -> None:
        process = self._processes[place]
        assert process.stdout is not None
        for line in process.stdout:
            self._latest[place] = json.loads(line)

    @staticmethod
    def _read(process: subprocess.Popen[str]) -> dict[str, Any]:
        assert process.stdout is not None
        answer: dict[str, Any] = json.loads(process.stdout.readline())
        return answer
