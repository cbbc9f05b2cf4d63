"""The local stack's parts without its triggers, with a meter around each function.

Schedule time runs at normal speed and is moved forwards only while nothing runs and no message is
visible: hours of waiting are skipped, and what an invocation waits out is not.
"""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.request
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from bench.database import ROOT
from devstack.actions_service.server import TOKEN_VARIABLE
from devstack.aws.emulator import Emulator
from devstack.aws.environment import function_variables, layer_paths
from devstack.aws.functions import Function
from devstack.aws.poller import to_event
from devstack.aws.template import FunctionSpec, QueueSource, Template
from devstack.child import SupervisedChild
from devstack.clock import ScheduleClock
from devstack.migration import run_migration

ACTIONS_SECONDS = 0.3
_QUEUE, _TOKEN = "StepQueue", "local"
_METERED = ROOT / "bench" / "metered"
_FUNCTIONS = ("import_accounts", "tick", "step", "maintenance")
_TIMEOUT = 60.0
Used = dict[str, Any]  # the usage of one invocation, as meter.py reports it


class MeteredStack:
    """All parts of the stack, from `with` to its end. `used` has every invocation by function."""

    def __init__(self, url: str, folder: Path) -> None:
        """Create the parts without starting them. `url` is an empty database."""
        self._url = url
        self._folder = folder
        self._cleanup = ExitStack()
        self.used: defaultdict[str, list[Used]] = defaultdict(list)
        self.events: list[int] = []  # messages of each event of the step function
        self._visible: list[float] = []  # schedule time at which messages in flight become visible
        self._ahead = (
            0  # messages that were received before their sender's invocation had reported them
        )
        self._guard = threading.Lock()

    def __enter__(self) -> Self:
        """Start all parts of the metered stack."""
        try:
            self._start()
        except BaseException:
            self._cleanup.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop all parts of the metered stack."""
        self._cleanup.close()

    def _start(self) -> None:
        log: IO[bytes] = self._cleanup.enter_context((self._folder / "log").open("ab"))
        self._clock = ScheduleClock(self._folder / "clock.json", 1.0)
        self._emulator = Emulator(self._folder / "kms-key.json", log)
        self._cleanup.callback(self._emulator.stop)
        actions = SupervisedChild(
            "devstack.actions_service.server",
            ["--clock-file", str(self._clock.path)],
            log=log,
            env={**os.environ, TOKEN_VARIABLE: _TOKEN},
        )
        self._cleanup.callback(actions.stop)
        actions_url = str(actions.wait_ready()["url"])
        _post(f"{actions_url}/_sim/settings", {"latency": ACTIONS_SECONDS})
        self._emulator.wait_ready()
        self.template = Template(
            ROOT / "template.yaml",
            self._emulator.known(["ActionsTokenSecret", "OpenAiSecret"], "LockTable"),
        )
        self._emulator.provision(self.template, {"ActionsTokenSecret": _TOKEN}, "LockTable")
        self._sqs = self._emulator.client("sqs")
        self._queue = self._emulator.queue_url(_QUEUE)
        shared = {
            "DATABASE_URL": self._url,
            "SCHEDULE_CLOCK_FILE": str(self._clock.path),
            "ACTIONS_BASE_URL": actions_url,
            "SQL_DIR": str(ROOT / "sql"),
            "DEFINITIONS_DIR": str(ROOT / "definitions"),
        }

        def variables(spec: FunctionSpec) -> dict[str, str]:
            return function_variables(spec, shared, {}, endpoint=self._emulator.url)

        run_migration(variables(self.template.functions["migrate"]))
        (self.source,) = (
            source for source in self.template.queue_sources() if source.queue == _QUEUE
        )
        self.functions = {
            name: self._function(self.template.functions[name], variables, self.source)
            for name in _FUNCTIONS
        }

    def _function(self, spec: FunctionSpec, variables: Any, source: QueueSource) -> Function:  # noqa: ANN401  # a function of the spec
        environment = {**variables(spec), "METERED_CODE": str(spec.code)}
        at_once = source.concurrency if spec.name == source.function else 1
        metered = replace(spec, code=_METERED, handler="meter.handler")
        function = Function(
            metered,
            environment,
            layer_paths(spec, self.template),
            self._folder / f"{spec.name}.log",
            at_once,
        )
        self._cleanup.callback(function.stop)
        return function

    def memory_mb(self, function: str) -> int:
        """Return the memory that the template gives a function."""
        return self.template.functions[function].memory

    # Time

    def now(self) -> float:
        """Return schedule time in epoch seconds."""
        return self._clock.now()

    def skip_to(self, engine: float) -> None:
        """Move schedule time forwards at once: nothing may be running."""
        left = engine - self.now()
        if left > 0:
            self._clock.advance(left)
            self._emulator.bring_forward(left)

    def next_message(self) -> float | None:
        """Return when the next message becomes visible; None without one."""
        return self._visible[0] if self._visible else None

    # Work

    def call(self, function: str, event: object) -> Any:  # noqa: ANN401  # JSON
        """Invoke a function, record its usage, and return its result."""
        answer = self.functions[function].invoke(event, timeout=_TIMEOUT)
        used = answer["used"]
        self.used[function].append(used)
        skipped = self.now() - time.time()
        with self._guard:
            self._visible = sorted(
                [*self._visible, *(when + skipped + delay for when, delay in used["sent"])]
            )
            known = min(self._ahead, len(self._visible))
            self._visible, self._ahead = self._visible[known:], self._ahead - known
        return answer["result"]

    def warm(self, events: dict[str, Any]) -> None:
        """Let every environment import and connect, without counting it.

        Cold starts are measured elsewhere.
        """
        for name, event in events.items():
            for _ in range(self.source.concurrency if name == self.source.function else 1):
                self.functions[name].warm(event)

    def receive(self) -> list[dict[str, Any]]:
        """Return up to a batch of visible messages, as the event source mapping would pass them."""
        answer = self._sqs.receive_message(
            QueueUrl=self._queue,
            MaxNumberOfMessages=min(10, self.source.batch_size),
            WaitTimeSeconds=0,
            AttributeNames=["All"],
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        with self._guard:
            self._ahead += max(len(messages) - len(self._visible), 0)
            self._visible = self._visible[len(messages) :]
        return messages

    def step(self, messages: list[dict[str, Any]]) -> None:
        """Run the step function with messages, and delete them."""
        result = self.call("step", to_event(messages, self._emulator.queue_arn(_QUEUE)))
        assert not result["batchItemFailures"], result
        self.events.append(len(messages))
        entries = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
            for number, message in enumerate(messages)
        ]
        self._sqs.delete_message_batch(QueueUrl=self._queue, Entries=entries)


def _post(url: str, document: object) -> None:
    request = urllib.request.Request(
        url,
        method="POST",
        data=json.dumps(document).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10):
        pass
