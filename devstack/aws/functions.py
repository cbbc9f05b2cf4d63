"""Functions as Lambda runs them: execution environments that are made when needed, kept, and killed at their timeout."""

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

from devstack.aws.template import FunctionSpec
from devstack.child import ROOT

INIT_SECONDS = 60.0  # Lambda gives 10; this machine may be busy starting everything at once
DEFAULT_CONCURRENCY = 4
_LARGEST_LOG = 20 * 1024 * 1024


class FunctionError(RuntimeError):
    """The function failed: it raised, it exited, or it ran into its timeout. `failure` is what Lambda would say."""

    def __init__(self, failure: Mapping[str, Any]) -> None:
        super().__init__(f"{failure.get('errorType')}: {failure.get('errorMessage')}")
        self.failure = failure


class Throttled(RuntimeError):
    """Every environment that the function may have is at work."""


class Environment:
    """One process with the handler loaded. One invocation at a time."""

    def __init__(
        self, spec: FunctionSpec, variables: Mapping[str, str], layers: Sequence[Path], log: Path
    ) -> None:
        """Start it. Raises `FunctionError` when the handler does not load."""
        self._spec = spec
        self._at_work = threading.Lock()
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
        """Hand an event over and wait for the answer. Raises `FunctionError`; `usable` says whether the process outlived it."""
        invocation = {
            "id": request_id,
            "event": event,
            "deadline": time.time() + self._spec.timeout,
        }
        give_up = time.monotonic() + self._spec.timeout
        with self._at_work:
            assert self._process.stdin is not None
            with suppress(
                OSError, ValueError
            ):  # it is dead, or was stopped just now: reading says how
                self._process.stdin.write(json.dumps(invocation).encode() + b"\n")
                self._process.stdin.flush()
            answer = self._receive(give_up)
        if "error" in answer:
            raise FunctionError(answer["error"])
        return answer["result"]

    @property
    def usable(self) -> bool:
        """Whether it still lives."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Kill it, in the middle of an invocation too. Harmless when repeated."""
        self._process.kill()
        self._process.wait()
        with self._at_work:  # whoever waits for its answer has seen its end by then
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
    """A function and its environments. Safe to use from several threads."""

    def __init__(
        self,
        spec: FunctionSpec,
        variables: Mapping[str, str],
        layers: Sequence[Path],
        log: Path,
        concurrency: int | None = None,
    ) -> None:
        """No process is started yet."""
        self.spec = spec
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

    def invoke(self, event: object, *, patience: float = 0.0) -> Any:  # noqa: ANN401  # JSON
        """Run the handler on an event and give back its result.

        Args:
            event: What the handler gets, as JSON.
            patience: How many seconds to wait for an environment that is free.

        Raises:
            FunctionError: the function failed.
            Throttled: no environment was free in time.
        """
        if (
            not self._slots.acquire(timeout=patience)
            if patience
            else not self._slots.acquire(blocking=False)
        ):
            raise Throttled(self.spec.name)
        try:
            environment = self._take()
            try:
                return environment.invoke(event, str(uuid4()))
            finally:
                self._give_back(environment)
        finally:
            self._slots.release()

    def warm(self, event: object = None) -> None:
        """Make one more environment ahead of the first event, so that this does not wait for imports.

        Handlers import what they use when they use it; `event` is one that has them do so and changes nothing.
        """
        if self._slots.acquire(blocking=False):
            try:
                with suppress(FunctionError, Throttled):
                    environment = self._make()
                    try:
                        if event is not None:
                            environment.invoke(event, str(uuid4()))
                    finally:
                        self._give_back(environment)
            finally:
                self._slots.release()

    def stop(self) -> None:
        """Kill all environments and make no new one."""
        with self._lock:
            self._stopped = True
            doomed = list(self._all)
            self._idle.clear()
        for environment in doomed:
            environment.stop()

    def _take(self) -> Environment:
        with self._lock:
            while self._idle:
                environment = self._idle.pop()
                if environment.usable:
                    return environment
                self._all.discard(environment)
                environment.stop()
        return self._make()

    def _make(self) -> Environment:
        if self._stopped:
            raise Throttled(f"{self.spec.name} is stopped")
        environment = Environment(self.spec, self._variables, self._layers, self._log)
        with self._lock:
            self._all.add(environment)
            late = self._stopped
        if late:
            environment.stop()
            raise Throttled(f"{self.spec.name} is stopped")
        return environment

    def _give_back(self, environment: Environment) -> None:
        with self._lock:
            if environment.usable and not self._stopped:
                self._idle.append(environment)
                return
            self._all.discard(environment)
        environment.stop()
