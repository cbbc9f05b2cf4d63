"""The product's services, adapters and handlers, wired with stand-ins.

The rest is wired as in `bootstrap`.
"""

from __future__ import annotations

import importlib.util
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from types import ModuleType
from typing import Any, cast
from uuid import uuid4

from bench.database import ROOT
from bench.stand_ins import EmptyVault, LockTableStandIn, NoOpActions, QueueStandIn
from flamebot import bootstrap
from flamebot.actions.registry import REGISTRY
from flamebot.adapters.clock.system import SystemClock
from flamebot.adapters.postgres.admin_store import PostgresAdminStore
from flamebot.adapters.postgres.connection import Database, Params, Row
from flamebot.adapters.postgres.engine_store import PostgresEngineStore
from flamebot.adapters.telemetry.powertools import PowertoolsTelemetry
from flamebot.adapters.template_writer.writer import TemplateWriter
from flamebot.domain.backoff import EnginePolicy
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.stepping.run_tasks import RunTasks
from flamebot.services.ticking.dispatch import DispatchDue

HORIZON, LEASE, CALL_TIMEOUT = timedelta(seconds=120), timedelta(seconds=90), timedelta(seconds=30)
LOCK_TIMEOUT = timedelta(seconds=300)
POLICY = EnginePolicy(
    max_attempts=3,
    max_reclaims=5,
    retry_base=timedelta(seconds=30),
    retry_cap=timedelta(seconds=300),
)
STEP_SECONDS = 60.0  # the step function's timeout
TASKS_PER_MESSAGE = 10
_TOTALLED = frozenset({"StepsCompleted", "WorkflowsCompleted", "TasksClaimed"})
MOST_MESSAGES = 10  # of an event without a batching window


class CountedDatabase(Database):
    """The product's connection with a counter of its statements."""

    def __init__(self, dsn: Callable[[], str]) -> None:
        """Start with a count of zero."""
        super().__init__(dsn)
        self.statements = 0

    def _run(self, sql: str, params: Params) -> list[Row]:
        self.statements += 1
        return super()._run(sql, params)


class CountedTelemetry(PowertoolsTelemetry):
    """The product's logs and metrics with running totals."""

    def __init__(self, service: str) -> None:
        """Start with empty totals of metrics."""
        super().__init__(service)
        self._guard = threading.Lock()
        self.totals: dict[str, float] = {}

    def count(self, name: str, value: float = 1, *, action: str | None = None) -> None:
        """Add to a counter and to its total."""
        super().count(name, value, action=action)
        if name in _TOTALLED:
            with self._guard:
                self.totals[name] = self.totals.get(name, 0.0) + value


_here = (
    threading.local()
)  # what the handler gets from the composition root: the objects of the engine that calls it


@cache
def _telemetry() -> CountedTelemetry:
    """Return the telemetry of the process.

    Powertools gives a second logger of a service no formatter.
    """
    return CountedTelemetry("step")


class Context:
    """The context object that Lambda passes to a handler."""

    def __init__(self, seconds: float) -> None:
        """Begin an invocation of so many seconds."""
        self._end = time.monotonic() + seconds
        self.aws_request_id = str(uuid4())

    def get_remaining_time_in_millis(self) -> int:
        """Return the time until the platform ends the invocation."""
        return int((self._end - time.monotonic()) * 1000)


def handler(function: str) -> Callable[[dict[str, Any], object], dict[str, Any]]:
    """Load a function's handler from its file, as Lambda does."""
    spec = importlib.util.spec_from_file_location(
        f"bench_{function}_app", ROOT / "functions" / function / "app.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast("Callable[[dict[str, Any], object], dict[str, Any]]", module.handler)


class Engine:
    """The part of the product that one process runs.

    It has a step function and a tick with one connection each, over the stand-ins.
    """

    def __init__(
        self, url: str, *, threads: int, max_queued: int = 20_000, beside: Engine | None = None
    ) -> None:
        """Create an engine without connections.

        `threads` is STEP_THREADS, `max_queued` MAX_QUEUED_TASKS; `beside` shares its stand-ins.
        """
        self.threads = threads
        self.queue: QueueStandIn = beside.queue if beside else QueueStandIn()
        self.actions: NoOpActions = beside.actions if beside else NoOpActions()
        self.locks: LockTableStandIn = (
            beside.locks if beside else LockTableStandIn(timeout=LOCK_TIMEOUT, lease=LEASE)
        )
        self.clock = SystemClock()
        self.telemetry = _telemetry()
        if beside is None:
            self.telemetry.totals.clear()
        self.database = CountedDatabase(lambda: url)
        self.tick_database = CountedDatabase(lambda: url)
        self._max_queued = max_queued
        self._runner = self._step()
        self._dispatcher = self._tick()
        # The handlers call the composition root; these are its results here.
        replaced: dict[str, Callable[..., object]] = {
            "step": lambda: _here.runner,
            "tick": lambda: self._dispatcher,
            "telemetry": lambda _service: self.telemetry,
        }
        for name, answer in replaced.items():
            setattr(bootstrap, name, answer)
        bootstrap._freeze_gc()  # noqa: SLF001  # as bootstrap.step() does
        self._step_handler, self._tick_handler = handler("step"), handler("tick")

    def _store(self, database: Database) -> PostgresEngineStore:
        return PostgresEngineStore(
            database, self.clock, horizon=HORIZON, lease=LEASE, max_queued=self._max_queued
        )

    def _step(self) -> RunTasks:
        store = self._store(self.database)
        return RunTasks(
            store=store,
            locks=self.locks,
            service=self.actions,
            vault=EmptyVault(),
            writer=TemplateWriter(),
            queue=self.queue,
            catalog=DefinitionCatalog(store, REGISTRY, POLICY),
            clock=self.clock,
            telemetry=self.telemetry,
            threads=self.threads,
            call_timeout=CALL_TIMEOUT,
        )

    def _tick(self) -> DispatchDue:
        store = self._store(self.tick_database)
        catalog = DefinitionCatalog(store, REGISTRY, POLICY)
        return DispatchDue(
            store=store,
            queue=self.queue,
            catalog=catalog,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    def control(self) -> PostgresAdminStore:
        """Return the store behind import and API."""
        return PostgresAdminStore(self.tick_database, self.clock, horizon=HORIZON, lease=LEASE)

    def close(self) -> None:
        """Close the connections of this engine."""
        self.database.close()
        self.tick_database.close()

    def tick(self) -> dict[str, Any]:
        """Run one tick through its handler; return its report."""
        return self._tick_handler({"source": "aws.events"}, Context(50.0))

    @property
    def messages_per_event(self) -> int:
        """Return enough messages per event to give each thread a task."""
        return min(MOST_MESSAGES, max(1, -(-self.threads // TASKS_PER_MESSAGE)))

    def serve(self, timeout: float) -> int:
        """Wait up to `timeout` seconds for messages and run the step function with them.

        Return their number.

        Several engines of a process may serve at once, each on its own thread.
        """
        _here.runner = self._runner
        messages = self.queue.receive(self.messages_per_event, timeout)
        if messages:
            records = [
                {"messageId": message.message_id, "body": message.body} for message in messages
            ]
            failed = self._step_handler({"Records": records}, Context(STEP_SECONDS))[
                "batchItemFailures"
            ]
            assert not failed, f"{len(failed)} messages failed"
        return len(messages)
