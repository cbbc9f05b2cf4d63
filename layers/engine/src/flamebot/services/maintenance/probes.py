"""Probe the dependencies of the engine, within a timeout where the caller must respond in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Thread
from typing import Any

from flamebot.ports.clock import Clock

# Returns anything if the dependency is reachable, else raises; `ProbeWarning` if it is reachable
# and needs attention.
Probe = Callable[[], object]


class ProbeWarning(Exception):
    """A dependency is reachable and needs attention; operators are shown the message."""


class ProbeTimeout(Exception):
    """A probe has neither returned nor raised within the timeout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """The value that a probe returned, or the error that it raised."""

    value: Any = None
    error: Exception | None = None


RunProbes = Callable[[Mapping[str, Probe]], dict[str, ProbeResult]]


def run_in_sequence(probes: Mapping[str, Probe]) -> dict[str, ProbeResult]:
    """Run the probes one after the other, without a timeout; for maintenance."""
    return {name: _run(probe) for name, probe in probes.items()}


class RunWithTimeout:
    """Runs each probe in a thread of its own and waits for all of them until one timeout.

    A probe that hangs is not started again until its thread has ended: repeated calls would
    otherwise pile up threads. Not safe for concurrent calls; an execution environment handles one
    request at a time.
    """

    def __init__(self, seconds: float, clock: Clock) -> None:
        """Set the timeout for all probes together, in wall-clock seconds."""
        self._seconds = seconds
        self._clock = clock
        self._running: dict[str, _ProbeThread] = {}

    def __call__(self, probes: Mapping[str, Probe]) -> dict[str, ProbeResult]:
        """Return every probe's result; `ProbeTimeout` for those that are still running."""
        deadline = self._clock.monotonic() + self._seconds
        for name, probe in probes.items():
            earlier = self._running.get(name)
            if earlier is None or not earlier.thread.is_alive():
                # The result of an earlier run that came after its timeout is dropped: it may be
                # out of date by now.
                self._running[name] = _ProbeThread(probe)
        return {
            name: self._running[name].result(deadline - self._clock.monotonic()) for name in probes
        }


class _ProbeThread:
    def __init__(self, probe: Probe) -> None:
        self._results: list[ProbeResult] = []
        # A daemon: a thread that hangs must not keep the process from ending.
        self.thread = Thread(
            target=lambda: self._results.append(_run(probe)), name="health", daemon=True
        )
        self.thread.start()

    def result(self, seconds: float) -> ProbeResult:
        self.thread.join(max(0.0, seconds))
        return self._results[0] if self._results else ProbeResult(error=ProbeTimeout())


def _run(probe: Probe) -> ProbeResult:
    try:
        return ProbeResult(value=probe())
    except Exception as error:  # noqa: BLE001  # any error is a result
        return ProbeResult(error=error)
