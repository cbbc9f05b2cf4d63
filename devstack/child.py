"""What the stack's child processes do alike: live exactly as long as their parent, and say when they are ready."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent


class ChildFailed(RuntimeError):
    """A child process ended before it was ready."""


def end_with_parent() -> None:
    """Exit as soon as standard input ends: the kernel closes the parent's end of the pipe even after a SIGKILL."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os._exit(0)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def say_ready(**facts: object) -> None:
    """Tell the parent, in one line of JSON; everything printed afterwards goes to the log."""
    sys.stdout.flush()
    os.write(1, json.dumps(facts).encode() + b"\n")
    os.dup2(2, 1)


class Child:
    """A process that runs a module of this package as a program until it is stopped."""

    def __init__(self, module: str, arguments: Sequence[str] = (), *, log: IO[bytes] | int, env: Mapping[str, str] | None = None) -> None:
        """Start it; it is not ready yet."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=ROOT,
            env=env,
            start_new_session=True,  # Ctrl-C is for the stack; it stops its children in order
        )
        self._name = module

    def wait_ready(self) -> dict[str, Any]:
        """What the child said when it was ready. Raises `ChildFailed`."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise ChildFailed(f"{self._name} ended with exit status {self._process.wait()} before it was ready")
        facts: dict[str, Any] = json.loads(line)
        return facts

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def wait(self) -> int:
        """Wait for its end."""
        return self._process.wait()

    def stop(self, grace_seconds: float = 2.0) -> None:
        """Close its input, then kill it. Harmless when repeated."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        try:
            self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
