"""Processor time from the start of a built function's process to its first response."""

from __future__ import annotations

import json
import statistics
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import rie
from bench.database import CACHE, ROOT, Session, create
from bench.engine import Engine
from bench.figures import Figure, figure
from bench.iam_database import iam_database
from bench.run import Run
from bench.workload import BENCH, THREE_EFFECTS, import_workflows, publish, register
from devstack.actions_service.server import ActionsService
from devstack.aws.emulator import Emulator
from devstack.aws.environment import function_variables
from devstack.aws.template import Template
from flamebot.adapters.actions_api.client import ActionsApi
from flamebot.adapters.definition_files.reader import read_definitions
from flamebot.domain.message import TaskPointer, encode

_TIMES = 7
_TOKEN = "bench"
_SECRETS = {"ActionsTokenSecret": _TOKEN}
_WAIT: dict[str, Any] = {
    "type": "wait",
    "name": "Wait",
    "description": "",
    "config": {},
    "steps": [
        {"id": "a", "action": "wait", "delay": 1},
        {"id": "b", "action": "wait", "delay": "30d"},
    ],
}


@dataclass(frozen=True, slots=True)
class _First:
    """The first event that a function gets, and the figure that it is measured for."""

    figure: str
    function: str
    case: str
    note: str


# The first two have goals, the others are for information.
_FIRSTS = (
    _First("tick", "tick", "minute", "one task is due, claimed and sent"),
    _First("step", "step", "submit", "one task: an effect is submitted, its poll sent"),
    _First("step_timer", "step", "timer", "one task: a wait is over, the next begins"),
    _First("api", "api", "stats", "GET /v1/stats"),
    _First("import_accounts", "import_accounts", "one_account", "one account with credentials"),
    _First("maintenance", "maintenance", "periodic", "health check, history"),
)


def measure(run: Run) -> list[Figure]:
    """Build, then give each function a first event in a new environment, several times."""
    try:
        python = rie.build()
    except rie.CannotBuild as error:
        run.say(f"  not measured: {error}")
        return []
    log = CACHE / "cold_start.log"
    log.unlink(missing_ok=True)
    with ExitStack() as stack:
        surroundings = _Surroundings(stack)
        return [_one(run, surroundings, python, log, first) for first in _FIRSTS]


def _one(run: Run, around: _Surroundings, python: Path, log: Path, first: _First) -> Figure:
    spec, variables = around.template.functions[first.function], around.variables(first.function)
    starts = [
        rie.start(python, spec, variables, around.event(first), log)
        for _ in range(2 if run.quick else _TIMES)
    ]
    around.check(starts[-1].answer)
    ms = [start.cpu_seconds * 1000 for start in starts]
    wall = statistics.median(start.wall_seconds for start in starts) * 1000
    note = f"{first.note}; {min(ms):.0f} to {max(ms):.0f}, {wall:.0f} ms by the clock"
    return figure(f"cold_start_cpu_ms_{first.figure}", statistics.median(ms), "ms", note)


class _Surroundings:
    """What the functions find on AWS, emulated.

    It has an IAM database over TLS, queue, lock table, key, secrets and actions service.
    """

    def __init__(self, stack: ExitStack) -> None:
        """Start all of them; `stack` ends them."""
        folder = Path(stack.enter_context(TemporaryDirectory(dir=CACHE)))
        folder.chmod(0o711)
        server, self._seen = stack.enter_context(iam_database(folder / "postgres"))
        self._url = create(server)
        log = stack.enter_context((folder / "log").open("ab"))
        self._emulator = Emulator(folder / "kms-key.json", log)
        stack.callback(self._emulator.stop)
        self._actions = ActionsService(token=_TOKEN)
        self._actions.start()
        stack.callback(self._actions.stop)
        self._emulator.wait_ready()
        known = self._emulator.known(["ActionsTokenSecret", "OpenAiSecret"], "LockTable")
        self.template = Template(
            ROOT / "template.yaml", known | {"Database.Endpoint.Address": self._seen.host}
        )
        self._emulator.provision(self.template, _SECRETS, "LockTable")
        self._engine = stack.enter_context(closing(Engine(self._url, threads=5)))
        self._session = stack.enter_context(closing(Session(self._url)))
        self._service = stack.enter_context(
            closing(ActionsApi(self._actions.url, lambda: _TOKEN, timeout=timedelta(seconds=5)))
        )
        self._accounts = 0
        for document in (*read_definitions(ROOT / "definitions"), THREE_EFFECTS, _WAIT):
            publish(self._engine, document)
        self._own = {"submit": THREE_EFFECTS, "timer": _WAIT}

    def variables(self, function: str) -> dict[str, str]:
        """Return a function's environment: the template's variables and the platform's."""
        addresses = {
            "ACTIONS_BASE_URL": self._actions.url,
            "DB_PORT": str(self._seen.port),
            "DB_NAME": self._url.rpartition("/")[2],
        }
        return function_variables(
            self.template.functions[function], addresses, {}, endpoint=self._emulator.url
        )

    def event(self, first: _First) -> dict[str, Any]:
        """Return an event of `events/` about an account of its own.

        A step's event points at a due task; a tick's event finds one to claim.
        """
        self._accounts += 1
        if first.case in self._own:
            return self._task(self._own[first.case])
        if first.function == "tick":
            self._engine.control().pause_all(BENCH)
            import_workflows(self._engine, _WAIT, 1, prefix=f"cold-{self._accounts}")
            self._engine.control().resume_all(BENCH)
        text = (ROOT / "events" / first.function / f"{first.case}.json").read_text()
        event: dict[str, Any] = json.loads(text.replace("single-1", f"single-{self._accounts}"))
        return event

    def _task(self, document: dict[str, Any]) -> dict[str, Any]:
        pointers: list[TaskPointer] = []
        import_workflows(
            self._engine, document, 1, prefix=f"cold-{self._accounts}", pointers=pointers
        )
        register(self._session)
        (pointer,) = pointers
        self._service.register(
            pointer.account_id,
            {"modelId": "model-1", "channelId": "channel-1"},
            key=pointer.task_id,
            fencing_token=1,
        )
        event: dict[str, Any] = json.loads((ROOT / "events" / "step" / "one_task.json").read_text())
        event["Records"][0]["body"] = encode(pointers)
        return event

    @staticmethod
    def check(answer: Any) -> None:  # noqa: ANN401  # whatever a handler answers
        """Assert that the measured function did its work."""
        assert answer.get("statusCode", 200) == 200, answer
        assert not answer.get("batchItemFailures"), answer
        assert answer.get("sent", 1) == 1, answer
