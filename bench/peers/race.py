"""Worker processes of a peer: started together when each is ready, timed until the work is done.

It runs inside a peer's environment and imports the standard library only.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

TIMEOUT_SECONDS = 240.0


def race(command: Sequence[str], processes: int, done: Callable[[], bool]) -> float:
    """Return the seconds from the start signal to the end of the work."""
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    try:
        for worker in workers:
            assert worker.stdout is not None
            line = worker.stdout.readline()
            assert line.strip() == "ready", line
        begun = time.perf_counter()
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        while not done():
            assert time.perf_counter() - begun < TIMEOUT_SECONDS, (
                f"not done after {TIMEOUT_SECONDS} s"
            )
            assert all(worker.poll() is None for worker in workers), "a worker died"
            time.sleep(0.05)
        return time.perf_counter() - begun
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def ready() -> None:
    """Report that a worker is ready, and wait for the start signal."""
    print("ready", flush=True)
    sys.stdin.readline()


def report(steps: int, seconds: float, **facts: object) -> None:
    """Print the result as one line of JSON."""
    print(json.dumps({"steps": steps, "seconds": seconds, **facts}), flush=True)
