"""Execution environments: each is a process to the engine, with its own adapters, clock and end.

`bootstrap` and `resources` make the engine's parts. Here their factories run once per environment
instead of once per process, and the outermost ones (settings, AWS clients, clock, locks, telemetry)
return simulated parts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from greenlet import getcurrent

from flamebot import bootstrap, resources
from flamebot.config import Settings
from verification.simulation.scheduler import SECOND, Fiber, Killed

if TYPE_CHECKING:
    from verification.simulation.world import World

LATENCY = {
    "postgres": (500, 15_000),
    "dynamodb": (2_000, 20_000),
    "sqs": (5_000, 40_000),
    "kms": (2_000, 20_000),
    "service": (1_000, 30_000),
}


class Environment:
    """One process. It serves one invocation after the other until it is ended."""

    def __init__(self, world: World, function: str, number: int) -> None:
        self.world = world
        self.function = function
        self.name = f"{function}-{number}"
        self.alive = True
        self.frozen_until = 0
        self.ends_at: int | None = None  # of the current invocation
        self.skew = (
            world.rng.randint(-5 * SECOND, 5 * SECOND) if world.faults.fires("clock.skew") else 0
        )
        self.made: dict[Any, Any] = {}

    # Ports

    def enter(self, port: str) -> None:
        """Enter a port: other fibers may run from here, and this process may die or freeze."""
        world = self.world
        world.scheduler.sleep(world.rng.randint(*LATENCY[port]))
        if world.faults.fires(f"{port}.death_before"):
            self.die(f"before {port}")
        self._freeze(port)

    def leave(self, port: str) -> None:
        """Leave a port after the call: the process may have died or frozen meanwhile."""
        if self.world.faults.fires(f"{port}.death_after"):
            self.die(f"after {port}")
        self._freeze(port)

    def die(self, where: str) -> None:
        """End this process with all its threads."""
        self.world.trace(f"{self.name} dies {where}")
        self.world.scheduler.kill(self)
        raise Killed

    def _freeze(self, port: str) -> None:
        if not self.world.faults.fires(f"{port}.freeze"):
            return
        length = self.world.rng.randint(20 * SECOND, 400 * SECOND)
        self.frozen_until = self.world.scheduler.now + length
        self.world.trace(f"{self.name} freezes at {port} for {length // SECOND} s")
        self.world.scheduler.sleep(0)

    # Substitutes for the machine

    def graph(self, name: str, make: Callable[..., Any], *arguments: Any) -> Any:
        """Build what `bootstrap` makes, once per environment."""
        key = (name, *arguments)
        if key not in self.made:
            own: Callable[..., Any] | None = getattr(self, f"_{name}", None)
            self.made[key] = own(*arguments) if own is not None else make(*arguments)
        return self.made[key]

    def _settings(self) -> Settings:
        return self.world.settings(self.function)

    def _aws(self, service: str, read_timeout: float = 5) -> Any:
        return self.world.client(service, self)

    def _clock(self) -> SimClock:
        return SimClock(self)

    def _telemetry(self, service: str) -> SimTelemetry:
        return SimTelemetry(self)

    def _locks(self) -> Any:
        s = self._settings()
        if s.lock_backend == "postgres":
            from flamebot.adapters.postgres.locks import PostgresLocks

            return PostgresLocks(resources.database(), timeout=s.lock_timeout, lease=s.task_lease)
        from flamebot.adapters.dynamodb.locks import DynamoLocks

        return DynamoLocks(
            resources.aws("dynamodb"),
            s.lock_table,
            timeout=s.lock_timeout,
            lease=s.task_lease,
            wall=resources.clock().wall,
        )


class SimClock:
    """The engine's clock: virtual, with this machine's skew.

    Schedule time is the database's or the scheduler's.
    """

    rate = 1.0

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._world = environment.world

    def now(self) -> datetime | None:
        return self._world.scheduler.moment() if self._world.schedule_clock else None

    def wall(self) -> datetime:
        return self._world.scheduler.moment(self._environment.skew)

    def monotonic(self) -> float:
        return self._world.scheduler.now / SECOND

    def sleep(self, seconds: float) -> None:
        self._world.scheduler.sleep(int(seconds * SECOND))


class SimTelemetry:
    """Copies log lines into the trace and checks that they hold no secret."""

    def __init__(self, environment: Environment) -> None:
        self._name = environment.name
        self._world = environment.world

    def count(self, name: str, value: float = 1, *, action: str | None = None) -> None:
        self._world.oracle.metric(name, value)

    def seconds(self, name: str, value: float, *, action: str | None = None) -> None:
        """Ignore durations: only counts matter here."""

    def info(self, event: str, **fields: object) -> None:
        self._line(event, fields)

    def warn(self, event: str, **fields: object) -> None:
        self._line(event, fields)

    def _line(self, event: str, fields: dict[str, object]) -> None:
        line = f"{self._name} {event} {json.dumps(fields, default=str)}"
        self._world.oracle.said("a log line", line)
        self._world.oracle.logged(event, fields)
        self._world.trace(line)

    @contextmanager
    def invocation(self, context: object = None) -> Iterator[None]:
        yield


class Context:
    """The context object that Lambda passes to a handler."""

    def __init__(self, environment: Environment, request_id: str) -> None:
        self._environment = environment
        self.aws_request_id = request_id

    def get_remaining_time_in_millis(self) -> int:
        ends = self._environment.ends_at
        assert ends is not None, "an invocation is at work"
        return max(0, (ends - self._environment.world.scheduler.now) // 1000)


def present() -> Environment:
    """Return the environment whose code is running."""
    fiber = getcurrent()
    assert isinstance(fiber, Fiber)
    owner = fiber.owner
    assert isinstance(owner, Environment), "the engine runs in environments only"
    return owner


def environments_for_bootstrap() -> list[tuple[ModuleType, str, Callable[..., Any]]]:
    """Return module, name and substitute of each cached factory; it caches per environment.

    `bootstrap` imports factories of `resources`, so that they are replaced in both modules.
    """

    def present_graph(name: str, make: Callable[..., Any], *arguments: Any) -> Any:
        return present().graph(name, make, *arguments)

    return [
        (module, name, partial(present_graph, name, made.__wrapped__))
        for module in (bootstrap, resources)
        for name, made in vars(module).items()
        if hasattr(made, "cache_clear")
    ]


def timeout_of(function: str) -> timedelta:
    """Return when the platform ends an invocation."""
    return timedelta(seconds={"step": 60, "tick": 50, "maintenance": 50}.get(function, 29))
