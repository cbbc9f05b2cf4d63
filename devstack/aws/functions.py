"""Functions as Lambda runs them, in execution environments: processes with the handler loaded.

An environment is started when none is free, reused for later events, and killed at its timeout.
When the function's code changes, the next event gets a fresh environment, as after a deployment.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from devstack.aws.code_version import LOOK_SECONDS, CodeVersion
from devstack.aws.template import FunctionSpec
from devstack.child import ROOT

INIT_SECONDS = 60.0  # Lambda allows 10; here everything starts at once
DEFAULT_CONCURRENCY = 4
_LARGEST_LOG = 20 * 1024 * 1024


class FunctionError(RuntimeError):
    """The function raised, exited or ran into its timeout. `failure` is what Lambda reports."""

    def __init__(self, failure: Mapping[str, Any]) -> None:
        super().__init__(f"{failure.get('errorType')}: {failure.get('errorMessage')}")
        self.failure = failure


class Throttled(RuntimeError):
    """All environments that the function may have are busy."""


class Environment:
    """One process with the handler loaded. It runs one invocation at a time."""

    def __init__(
        self,
        spec: FunctionSpec,
        variables: Mapping[str, str],
        layers: Sequence[Path],
        log: Path,
        version: int,
    ) -> None:
        """Start the process and wait until the handler is loaded.

        Raises:
            FunctionError: The handler cannot be loaded.
        """
        self.version = version
        self._spec = spec
        self._busy = threading.Lock()
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "devstack.aws.runtime",
                    str(spec.code),
                    spec.handler,
                    *map(str, layers),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                cwd=ROOT,
                env=dict(variables),
                start_new_session=True,
            )
        self._log = log
        ready = self._receive(time.monotonic() + INIT_SECONDS)
        if "error" in ready:
            self.stop()
            raise FunctionError(ready["error"])

    def invoke(self, event: object, request_id: str) -> Any:  # noqa: ANN401  # JSON
        """Run the handler on an event and return its result.

        Raises:
            FunctionError: The invocation failed. `usable` tells whether the process survived it.
        """
        invocation = {
            "id": request_id,
            "event": event,
            "deadline": time.time() + self._spec.timeout,
        }
        give_up = time.monotonic() + self._spec.timeout
        with self._busy:
            assert self._process.stdin is not None
            # If the process has ended or was stopped, reading reports how.
            with suppress(OSError, ValueError):
                self._process.stdin.write(json.dumps(invocation).encode() + b"\n")
                self._process.stdin.flush()
            answer = self._receive(give_up)
        if "error" in answer:
            raise FunctionError(answer["error"])
        return answer["result"]

    @property
    def usable(self) -> bool:
        """Whether the process is still running."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Kill the process, even during an invocation. May be repeated."""
        self._process.kill()
        self._process.wait()
        with self._busy:  # the reader of an unfinished invocation has noticed the end by then
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    with suppress(OSError):
                        stream.close()

    def _receive(self, give_up: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        if self._process.stdout.closed:
            return {
                "error": {
                    "errorMessage": "The environment was stopped",
                    "errorType": "Runtime.ExitError",
                }
            }
        answers = self._process.stdout.fileno()
        poll = select.poll()
        poll.register(answers, select.POLLIN)
        buffer = bytearray()
        while True:
            left = give_up - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                self._process.kill()
                self._process.wait()
                message = f"Task timed out after {self._spec.timeout:.2f} seconds"
                with self._log.open("a") as log:
                    log.write(message + "\n")
                return {"error": {"errorMessage": message, "errorType": "Sandbox.Timedout"}}
            chunk = os.read(answers, 1 << 20)
            if not chunk:
                status = self._process.wait()
                return {
                    "error": {
                        "errorMessage": f"Runtime exited with exit status {status}",
                        "errorType": "Runtime.ExitError",
                    }
                }
            buffer += chunk
            if buffer.endswith(b"\n"):
                answer: dict[str, Any] = json.loads(buffer)
                return answer


class Function:
    """A function and its execution environments. Safe to use from several threads."""

    def __init__(
        self,
        spec: FunctionSpec,
        variables: Mapping[str, str],
        layers: Sequence[Path],
        log: Path,
        concurrency: int | None = None,
        *,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """Prepare the function without starting a process.

        Args:
            spec: The function in the template.
            variables: The environment variables of its processes.
            layers: Folders with Python packages that the function imports.
            log: The file for what the processes print.
            concurrency: The most environments at once; by default what the template reserves.
            look_seconds: The shortest time between two looks for changed code.
        """
        self.spec = spec
        self._code = CodeVersion([spec.code, *layers], look_seconds=look_seconds)
        self._variables = variables
        self._layers = layers
        self._log = log
        self._slots = threading.BoundedSemaphore(
            concurrency or spec.concurrency or DEFAULT_CONCURRENCY
        )
        self._lock = threading.Lock()
        self._idle: list[Environment] = []
        self._all: set[Environment] = set()
        self._stopped = False
        if log.exists() and log.stat().st_size > _LARGEST_LOG:
            log.replace(log.with_suffix(".log.1"))

    def invoke(self, event: object, *, timeout: float = 0.0) -> Any:  # noqa: ANN401  # JSON
        """Run the handler on an event and return its result.

        Args:
            event: The event, as JSON.
            timeout: Seconds to wait for a free environment.

        Raises:
            FunctionError: The function failed.
            Throttled: No environment was free in time.
        """
        if not self._slots.acquire(blocking=timeout > 0, timeout=timeout or None):
            raise Throttled(self.spec.name)
        try:
            environment = self._take()
            try:
                return environment.invoke(event, str(uuid4()))
            finally:
                self._return_to_pool(environment)
        finally:
            self._slots.release()

    def warm(self, event: object = None) -> None:
        """Start one more environment before the first event, which then does not wait for imports.

        Handlers import lazily. `event` is one that makes them import and changes nothing.
        """
        if self._slots.acquire(blocking=False):
            try:
                with suppress(FunctionError, Throttled):
                    environment = self._start(self._code.current())
                    try:
                        if event is not None:
                            environment.invoke(event, str(uuid4()))
                    finally:
                        self._return_to_pool(environment)
            finally:
                self._slots.release()

    def stop(self) -> None:
        """Kill all environments and start no new one."""
        with self._lock:
            self._stopped = True
            running = list(self._all)
            self._idle.clear()
        for environment in running:
            environment.stop()

    def _take(self) -> Environment:
        version = self._code.current()
        with self._lock:
            while self._idle:
                environment = self._idle.pop()
                if environment.usable and environment.version == version:
                    return environment
                self._all.discard(environment)
                environment.stop()
        return self._start(version)

    def _start(self, version: int) -> Environment:
        # The version was read before the process loads the code. A change during the load therefore
        # leads to one more environment, never to an old one that passes for new.
        if self._stopped:
            raise Throttled(f"{self.spec.name} is stopped")
        environment = Environment(self.spec, self._variables, self._layers, self._log, version)
        with self._lock:
            self._all.add(environment)
            stopped_meanwhile = self._stopped
        if stopped_meanwhile:
            environment.stop()
            raise Throttled(f"{self.spec.name} is stopped")
        return environment

    def _return_to_pool(self, environment: Environment) -> None:
        with self._lock:
            if environment.usable and not self._stopped:
                self._idle.append(environment)
                return
            self._all.discard(environment)
        environment.stop()
