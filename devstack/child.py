"""Child processes of the stack: they end with their parent and report when they are ready."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
_WATCH_SECONDS = 0.2


class ChildFailed(RuntimeError):
    """A child process ended before it was ready."""


def end_with_parent() -> None:
    """Exit this process as soon as its parent ends.

    Standard input is a pipe from the parent; the kernel closes it even after a SIGKILL.
    """

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os._exit(0)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def say_ready(**facts: object) -> None:
    """Report these facts to the parent in one line of JSON; later prints go to the log."""
    sys.stdout.flush()
    os.write(1, json.dumps(facts).encode() + b"\n")
    os.dup2(2, 1)


class Child:
    """A process that runs a module of this package as a program until it is stopped."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str] = (),
        *,
        log: IO[bytes] | int,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start the process without waiting until it is ready."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=ROOT,
            env=env,
            start_new_session=True,  # Ctrl-C reaches the stack only, which stops its children
        )
        self._name = module

    def wait_ready(self) -> dict[str, Any]:
        """Wait until the child is ready and return the facts it reported.

        Raises:
            ChildFailed: The process ended before it was ready.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise ChildFailed(
                f"{self._name} ended with exit status {self._process.wait()} before it was ready"
            )
        facts: dict[str, Any] = json.loads(line)
        return facts

    @property
    def pid(self) -> int:
        """The process id of the child."""
        return self._process.pid

    def alive(self) -> bool:
        """Return whether the process is still running."""
        return self._process.poll() is None

    def wait(self) -> int:
        """Wait until the process ends and return its exit status."""
        return self._process.wait()

    def stop(self, grace_seconds: float = 2.0) -> None:
        """Close its standard input, and kill it after the grace period. May be repeated."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        try:
            self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class SupervisedChild:
    """A child that serves on a port and is restarted on the same port whenever it ends."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        log: IO[bytes] | int,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start the process without waiting until it is ready.

        Args:
            module: A module that takes `--port` and reports `port` when it is ready.
            arguments: Its other arguments.
            log: Where its output goes.
            env: Its environment; by default this process's.
        """
        self._module = module
        self._arguments = list(arguments)
        self._log = log
        self._env = env
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None
        self._child = self._launch(0)

    def wait_ready(self) -> dict[str, Any]:
        """Wait until the child is ready and return the facts it reported.

        Raises:
            ChildFailed: The process ended before it was ready.
        """
        facts = self._child.wait_ready()
        self._port = int(facts["port"])
        return facts

    def supervise(self, after_restart: Callable[[], None] = lambda: None) -> None:
        """Restart the child whenever it ends, until `stop`.

        `after_restart` is called after each restart and rebuilds what the child held in memory.
        """

        def watch() -> None:
            while not self._stopping.wait(_WATCH_SECONDS):
                if not self._child.alive():
                    self._child.stop()
                    self._child = self._launch(self._port)
                    try:
                        self._child.wait_ready()
                        after_restart()
                    except Exception as error:  # the next round tries again
                        print(
                            f"{self._module} could not be restarted yet: {error}", file=sys.stderr
                        )

        self._watcher = threading.Thread(target=watch, name=f"watch-{self._module}", daemon=True)
        self._watcher.start()

    @property
    def pid(self) -> int:
        """The process id of the child, which changes with a restart."""
        return self._child.pid

    def stop(self) -> None:
        """Stop watching and end the child. May be repeated."""
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join(3.0)
        self._child.stop()

    def _launch(self, port: int) -> Child:
        return Child(
            self._module, ["--port", str(port), *self._arguments], log=self._log, env=self._env
        )
