"""The local stack: what starts after what, what each part is told, and how everything ends."""

from __future__ import annotations

import hmac
import os
import secrets
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any

import psycopg2
from psycopg2 import sql

from devstack.actions_service.server import TOKEN_VARIABLE
from devstack.aws.emulator import Emulator
from devstack.aws.environment import (
    function_variables,
    layer_paths,
    operators_variables,
    step_concurrency,
)
from devstack.aws.functions import Function, FunctionError, Throttled
from devstack.aws.gateway import Gateway
from devstack.aws.poller import Poller
from devstack.aws.template import FunctionSpec, QueueSource, Template
from devstack.aws.ticker import OTHER_GAP_SECONDS, TICK_GAP_SECONDS, Ticker, local_horizon, to_event
from devstack.child import ROOT, SupervisedChild
from devstack.clock import ScheduleClock
from devstack.data_dir import Home
from devstack.loopback import Answer, json_answer
from devstack.migration import run_migration
from devstack.postgres import database_url
from devstack.tokens import Verifier, mint
from flamebot.domain.duration import parse_duration

QUEUE, ACTIONS_SECRET = "StepQueue", "ActionsTokenSecret"  # logical ids of the template
_CONCURRENCY = {"api": 4, "import_accounts": 2, "import_file": 2, "tick": 2, "maintenance": 1}
# Events that make a handler import and build all that it works with, before there is a database to work on.
_NO_MESSAGE: dict[str, Any] = {"Records": []}
_NO_ROUTE: dict[str, Any] = {
    "rawPath": "/",
    "requestContext": {"http": {"method": "GET"}, "requestId": "warm"},
}
_PATIENCE_SECONDS = 25.0  # a request waits this long for a free environment
_GRACE_SECONDS = 2.0  # for what is at work when the stack is asked to stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `flamebot dev` was told."""

    port: int
    data_dir: Path
    ephemeral: bool
    speed: float
    tick: bool
    actions_url: str | None


class Stack:
    """Every part, from `start` to `stop`."""

    def __init__(self, options: Options) -> None:
        """Nothing is started or touched yet."""
        self._options = options
        self._operators = operators_variables(os.environ)
        self._cleanup = ExitStack()

    def start(self) -> dict[str, Any]:
        """Start every part in order and answer what stack.json is to say.

        Raises `AlreadyRunning`, and what the parts raise when they do not start.
        """
        self._home = Home(self._options.data_dir, ephemeral=self._options.ephemeral)
        self._cleanup.callback(self._home.leave)
        self._log: IO[bytes] = self._cleanup.enter_context(
            (self._home.logs / "stack.log").open("ab")
        )
        self._clock = ScheduleClock(self._home.state / "clock.json", self._options.speed)
        self._cleanup.callback(self._clock.rest)
        self._emulator = Emulator(self._home.state / "kms-key.json", self._log)
        self._cleanup.callback(self._emulator.stop)
        actions_token = os.environ.get("ACTIONS_TOKEN") or self._home.secret("actions-token")
        actions = self._start_actions(actions_token)
        owner_url = self._cleanup.enter_context(database_url(self._home.state / "postgres"))
        self._read_template({ACTIONS_SECRET: actions_token})
        actions_url = (
            self._options.actions_url or os.environ.get("ACTIONS_BASE_URL") or self._ready(actions)
        )
        roles = self._roles(owner_url)
        self._functions, migration = self._make_functions(owner_url, actions_url, roles)
        self._cleanup.callback(self._stop_functions)
        warming = self._start_warming()
        run_migration(migration)
        _open_to_roles(owner_url, roles)
        for thread in warming:
            thread.join()
        gateway = self._start_gateway()
        self._start_triggers()
        return {
            "apiUrl": gateway.url,
            "consoleUrl": f"{gateway.url}/console",
            "token": mint(self._home.directory),
            "databaseUrl": owner_url,
            "awsEndpointUrl": self._emulator.url,
            "queueUrl": self._emulator.queue_url(QUEUE),
            "lockTable": self._lock_table,
            "actionsUrl": actions_url,
            "speed": self._options.speed,
            "pid": os.getpid(),
        }

    def announce(self, facts: Mapping[str, Any]) -> None:
        """Write stack.json: from now on the stack is there for others."""
        self._cleanup.callback(self._home.withdraw)
        self._home.announce(facts)

    def stop(self) -> None:
        """Stop every part in the reverse order. Harmless when repeated, and at any point of the start."""
        self._cleanup.close()

    # The surroundings

    def _start_actions(self, token: str) -> SupervisedChild | None:
        if self._options.actions_url or os.environ.get("ACTIONS_BASE_URL"):
            return None
        arguments = [
            "--state-file",
            str(self._home.state / "actions.jsonl"),
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
        if "HEALTH_CHECK_MINUTES" in self._operators:
            known["HealthCheckMinutes"] = self._operators["HEALTH_CHECK_MINUTES"]
        self._template = Template(ROOT / "template.yaml", known)
        self._emulator.provision(self._template, secret_values, self._lock_table)
        self._emulator.supervise(self._template, secret_values, self._lock_table)

    # The functions

    def _roles(self, owner_url: str) -> dict[str, str]:
        """A password for each role of the database that a function has.

        Nobody can tell it without the owner's, which is random. Two stacks on one server come to the same: roles belong to the server.
        """
        owners = psycopg2.extensions.parse_dsn(owner_url).get("password") or secrets.token_urlsafe(
            24
        )
        names = {spec.environment.get("DB_USER") for spec in self._template.functions.values()}
        return {
            name: hmac.digest(owners.encode(), name.encode(), "sha256").hex()
            for name in names
            if name
        }

    def _make_functions(
        self, owner_url: str, actions_url: str, roles: Mapping[str, str]
    ) -> tuple[dict[str, Function], dict[str, str]]:
        """The functions, and the environment of the one that migrates."""
        (source,) = (source for source in self._template.queue_sources() if source.queue == QUEUE)
        threads = int(
            self._template.functions[source.function].environment.get("STEP_THREADS", "5")
        )
        self._step_invocations, threads = step_concurrency(
            source.concurrency, self._operators, int(self._operators.get("STEP_THREADS", threads))
        )
        shared = {
            "SCHEDULE_CLOCK_FILE": str(self._clock.path),
            "TICK_HORIZON_SECONDS": str(local_horizon(self._options.speed)),
            "ACTIONS_BASE_URL": actions_url,
            "SQL_DIR": str(ROOT / "sql"),
            "DEFINITIONS_DIR": str(ROOT / "definitions"),
            "STEP_THREADS": str(threads),
        }
        operators = {
            name: value for name, value in self._operators.items() if name != "STEP_THREADS"
        }

        def variables(spec: FunctionSpec, url: str) -> dict[str, str]:
            return function_variables(
                spec, {**shared, "DATABASE_URL": url}, operators, endpoint=self._emulator.url
            )

        limits = {**_CONCURRENCY, source.function: self._step_invocations}
        functions = {}
        for name, spec in self._template.functions.items():
            role = spec.environment.get("DB_USER")
            if role is not None:
                url = psycopg2.extensions.make_dsn(owner_url, user=role, password=roles[role])
                log = self._home.logs / f"{name}.log"
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
        # As provisioned concurrency does on AWS: a step that waits for a cold start begins a second or two late.
        steps = [("step", _NO_MESSAGE)] * self._step_invocations
        others = [("api", _NO_ROUTE), ("import_accounts", _NO_ROUTE), ("tick", None)]
        threads = [
            threading.Thread(target=self._warm, args=events, name="warm", daemon=True)
            for events in (steps, others)
        ]
        for thread in threads:
            thread.start()
        return threads

    # What calls them

    def _start_gateway(self) -> Gateway:
        gateway = Gateway(
            self._template.routes(),
            Verifier(self._home.directory),
            lambda name, event: self._functions[name].invoke(event, patience=_PATIENCE_SECONDS),
            {"/dev/tick": self._tick_now, "/dev/clock": self._move_clock},
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
        invoke = partial(self._functions[source.function].invoke, patience=_PATIENCE_SECONDS)
        at_once = self._step_invocations if source.queue == QUEUE else source.concurrency
        poller = Poller(self._emulator.client("sqs"), source, (url, arn), invoke, at_once)
        self._cleanup.callback(poller.stop, _GRACE_SECONDS)
        poller.start()

    # Local only routes

    def _tick_now(self, _document: object) -> Answer:
        try:
            return json_answer(
                200,
                self._functions["tick"].invoke(
                    to_event("tick", self._clock.now()), patience=_PATIENCE_SECONDS
                ),
            )
        except (FunctionError, Throttled) as error:
            return json_answer(500, {"message": str(error)})

    def _move_clock(self, document: object) -> Answer:
        if not isinstance(document, dict) or set(document) - {"advance"}:
            return json_answer(422, {"message": 'The body is {"advance": a duration such as "2h"}'})
        try:
            seconds = parse_duration(document.get("advance", 0)).total_seconds()
            self._clock.advance(seconds)
            self._emulator.bring_forward(seconds / self._clock.speed)
        except (ValueError, OverflowError) as error:
            return json_answer(422, {"message": str(error)})
        now = (
            datetime.fromtimestamp(self._clock.now(), UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z")
        )
        return json_answer(200, {"now": now, "speed": self._clock.speed})


def _open_to_roles(owner_url: str, roles: Mapping[str, str]) -> None:
    connection = psycopg2.connect(owner_url)
    try:
        with connection, connection.cursor() as cursor:
            for role, password in roles.items():
                cursor.execute(
                    sql.SQL("alter role {} password {}").format(
                        sql.Identifier(role), sql.Literal(password)
                    )
                )
    finally:
        connection.close()
