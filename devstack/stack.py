"""The local stack: the order in which its parts start, how they are connected, and how they stop.

The parts, in the order of their start: data directory, schedule clock, AWS emulator, simulated
actions service, Postgres, functions (warmed up while the database is migrated), gateway, pollers
and tickers. `stop` undoes each in the reverse order.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from devstack.actions_service.server import TOKEN_VARIABLE
from devstack.aws.emulator import Emulator
from devstack.aws.environment import (
    function_variables,
    layer_paths,
    overrides,
    step_concurrency,
)
from devstack.aws.functions import Function
from devstack.aws.gateway import Gateway
from devstack.aws.poller import Poller
from devstack.aws.template import FunctionSpec, QueueSource, Template
from devstack.aws.ticker import OTHER_GAP_SECONDS, TICK_GAP_SECONDS, Ticker, local_horizon
from devstack.child import ROOT, SupervisedChild
from devstack.clock import ScheduleClock
from devstack.data_dir import DataDirectory
from devstack.database_roles import role_passwords, role_url, set_passwords
from devstack.local_routes import LocalRoutes
from devstack.migration import run_migration
from devstack.postgres import database_url
from devstack.tokens import Verifier, mint

QUEUE, ACTIONS_SECRET = "StepQueue", "ActionsTokenSecret"  # logical ids of the template
_CONCURRENCY = {"api": 4, "import_accounts": 2, "import_file": 2, "tick": 2, "maintenance": 1}
# Events that make a handler import and build its dependencies without using the database.
_NO_MESSAGE: dict[str, Any] = {"Records": []}
_NO_ROUTE: dict[str, Any] = {
    "rawPath": "/",
    "requestContext": {"http": {"method": "GET"}, "requestId": "warm"},
}
_ENVIRONMENT_TIMEOUT = 25.0  # seconds that a request waits for a free environment
_GRACE_SECONDS = 2.0  # for invocations that run when the stack stops


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command line options of `flamebot dev`."""

    port: int
    data_dir: Path
    ephemeral: bool
    speed: float
    tick: bool
    actions_url: str | None


class Stack:
    """The parts of the local stack, from `start` to `stop`."""

    def __init__(self, options: Options) -> None:
        """Keep the options; nothing is started or written yet."""
        self._options = options
        self._overrides = overrides(os.environ)
        self._cleanup = ExitStack()

    def start(self) -> dict[str, Any]:
        """Start every part in order and return the content of stack.json.

        Raises:
            AlreadyRunning: Another stack uses the data directory.
            ChildFailed: A child process ended before it was ready.
            PostgresUnavailable: No Postgres can be started.
            MigrationFailed: The database could not be migrated.
        """
        self._directory = DataDirectory(self._options.data_dir, ephemeral=self._options.ephemeral)
        self._cleanup.callback(self._directory.leave)
        self._log: IO[bytes] = self._cleanup.enter_context(
            (self._directory.logs / "stack.log").open("ab")
        )
        self._clock = ScheduleClock(self._directory.state / "clock.json", self._options.speed)
        self._cleanup.callback(self._clock.rest)
        self._emulator = Emulator(self._directory.state / "kms-key.json", self._log)
        self._cleanup.callback(self._emulator.stop)
        actions_token = os.environ.get("ACTIONS_TOKEN") or self._directory.secret("actions-token")
        actions = self._start_actions(actions_token)
        owner_url = self._cleanup.enter_context(database_url(self._directory.state / "postgres"))
        self._read_template({ACTIONS_SECRET: actions_token})
        actions_url = (
            self._options.actions_url or os.environ.get("ACTIONS_BASE_URL") or self._ready(actions)
        )
        passwords = role_passwords(owner_url, self._template.functions.values())
        self._functions, migration = self._make_functions(owner_url, actions_url, passwords)
        self._cleanup.callback(self._stop_functions)
        warming = self._start_warming()
        run_migration(migration)
        set_passwords(owner_url, passwords)
        for thread in warming:
            thread.join()
        gateway = self._start_gateway()
        self._start_triggers()
        return {
            "apiUrl": gateway.url,
            "token": mint(self._directory.directory),
            "databaseUrl": owner_url,
            "awsEndpointUrl": self._emulator.url,
            "queueUrl": self._emulator.queue_url(QUEUE),
            "lockTable": self._lock_table,
            "actionsUrl": actions_url,
            "speed": self._options.speed,
            "pid": os.getpid(),
        }

    def announce(self, facts: Mapping[str, Any]) -> None:
        """Write stack.json, which tells other processes that the stack is ready."""
        self._cleanup.callback(self._directory.withdraw)
        self._directory.announce(facts)

    def stop(self) -> None:
        """Stop every part in the reverse order. May be repeated, and called during the start."""
        self._cleanup.close()

    def _start_actions(self, token: str) -> SupervisedChild | None:
        if self._options.actions_url or os.environ.get("ACTIONS_BASE_URL"):
            return None
        arguments = [
            "--state-file",
            str(self._directory.state / "actions.jsonl"),
            "--clock-file",
            str(self._clock.path),
        ]
        child = SupervisedChild(
            "devstack.actions_service.server",
            arguments,
            log=self._log,
            env={**os.environ, TOKEN_VARIABLE: token},
        )
        self._cleanup.callback(child.stop)
        return child

    @staticmethod
    def _ready(actions: SupervisedChild | None) -> str:
        assert actions is not None
        url = str(actions.wait_ready()["url"])
        actions.supervise()
        return url

    def _read_template(self, secret_values: Mapping[str, str]) -> None:
        self._emulator.wait_ready()
        self._lock_table = os.environ.get("LOCK_TABLE") or "LockTable"
        known = self._emulator.known(["ActionsTokenSecret", "OpenAiSecret"], self._lock_table)
        if "HEALTH_CHECK_MINUTES" in self._overrides:
            known["HealthCheckMinutes"] = self._overrides["HEALTH_CHECK_MINUTES"]
        self._template = Template(ROOT / "template.yaml", known)
        self._emulator.provision(self._template, secret_values, self._lock_table)
        self._emulator.supervise(self._template, secret_values, self._lock_table)

    def _make_functions(
        self, owner_url: str, actions_url: str, passwords: Mapping[str, str]
    ) -> tuple[dict[str, Function], dict[str, str]]:
        """Return the functions by name, and the environment variables of the migration."""
        (source,) = (source for source in self._template.queue_sources() if source.queue == QUEUE)
        threads = int(
            self._template.functions[source.function].environment.get("STEP_THREADS", "5")
        )
        self._step_invocations, threads = step_concurrency(
            source.concurrency, self._overrides, int(self._overrides.get("STEP_THREADS", threads))
        )
        shared = {
            "SCHEDULE_CLOCK_FILE": str(self._clock.path),
            "TICK_HORIZON_SECONDS": str(local_horizon(self._options.speed)),
            "ACTIONS_BASE_URL": actions_url,
            "SQL_DIR": str(ROOT / "sql"),
            "DEFINITIONS_DIR": str(ROOT / "definitions"),
            "STAGE": "local",
            "STEP_THREADS": str(threads),
        }
        # STEP_THREADS was combined with MAX_CONCURRENT_TASKS above.
        overridden = {
            name: value for name, value in self._overrides.items() if name != "STEP_THREADS"
        }

        def variables(spec: FunctionSpec, url: str) -> dict[str, str]:
            return function_variables(
                spec, {**shared, "DATABASE_URL": url}, overridden, endpoint=self._emulator.url
            )

        limits = {**_CONCURRENCY, source.function: self._step_invocations}
        functions = {}
        for name, spec in self._template.functions.items():
            role = spec.environment.get("DB_USER")
            if role is not None:
                url = role_url(owner_url, role, passwords[role])
                log = self._directory.logs / f"{name}.log"
                functions[name] = Function(
                    spec,
                    variables(spec, url),
                    layer_paths(spec, self._template),
                    log,
                    limits.get(name),
                )
        return functions, variables(self._template.functions["migrate"], owner_url)

    def _stop_functions(self) -> None:
        for function in self._functions.values():
            function.stop()

    def _warm(self, *events: tuple[str, dict[str, Any] | None]) -> None:
        for name, event in events:
            self._functions[name].warm(event)

    def _start_warming(self) -> list[threading.Thread]:
        # Like provisioned concurrency on AWS: a step that waits for a cold start is a second late.
        steps = [("step", _NO_MESSAGE)] * self._step_invocations
        others = [("api", _NO_ROUTE), ("import_accounts", _NO_ROUTE), ("tick", None)]
        threads = [
            threading.Thread(target=self._warm, args=events, name="warm", daemon=True)
            for events in (steps, others)
        ]
        for thread in threads:
            thread.start()
        return threads

    def _start_gateway(self) -> Gateway:
        def invoke(name: str, event: dict[str, Any]) -> Any:  # noqa: ANN401  # JSON
            return self._functions[name].invoke(event, timeout=_ENVIRONMENT_TIMEOUT)

        local = LocalRoutes(self._clock, partial(invoke, "tick"), self._emulator.bring_forward)
        gateway = Gateway(
            self._template.routes(),
            Verifier(self._directory.directory),
            invoke,
            local.routes(),
            port=self._options.port,
        )
        self._cleanup.callback(gateway.stop)
        gateway.start()
        return gateway

    def _start_triggers(self) -> None:
        for source in self._template.queue_sources():
            self._start_poller(source)
        for schedule in self._template.schedules():
            is_tick = schedule.function == "tick"
            if is_tick and not self._options.tick:
                continue
            gap = TICK_GAP_SECONDS if is_tick else OTHER_GAP_SECONDS
            ticker = Ticker(
                schedule.function,
                self._clock,
                schedule.seconds,
                gap,
                self._functions[schedule.function].invoke,
            )
            self._cleanup.callback(ticker.stop, _GRACE_SECONDS)
            ticker.start()

    def _start_poller(self, source: QueueSource) -> None:
        url, arn = self._emulator.queue_url(source.queue), self._emulator.queue_arn(source.queue)
        invoke = partial(self._functions[source.function].invoke, timeout=_ENVIRONMENT_TIMEOUT)
        at_once = self._step_invocations if source.queue == QUEUE else source.concurrency
        poller = Poller(self._emulator.client("sqs"), source, (url, arn), invoke, at_once)
        self._cleanup.callback(poller.stop, _GRACE_SECONDS)
        poller.start()
