"""Processor time from the start of a function's process to the answer of its first event, run as it was built."""

from __future__ import annotations

import json
import statistics
from contextlib import ExitStack, closing
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
from devstack.actions_service import ActionsService
from devstack.emulator import Emulator
from devstack.environment import function_variables
from devstack.template import Template
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
    "steps": [{"id": "a", "action": "wait", "delay": 1}, {"id": "b", "action": "wait", "delay": "30d"}],
}
# Name of the figure -> function, its event, and what is in it. The first two have goals, the others are for information.
_EVENTS = {
    "tick": ("tick", "minute", "one task is due, claimed and sent"),
    "step": ("step", "submit", "one task: an effect is submitted, its poll sent"),
    "step_wake": ("step", "wake", "one task: a wait is over, the next begins"),
    "api": ("api", "stats", "GET /v1/stats"),
    "import_accounts": ("import_accounts", "one_account", "one account with credentials"),
    "upkeep": ("upkeep", "periodic", "health check, history"),
}


def measure(run: Run) -> list[Figure]:
    """Build, then give each function a first event in a new execution environment, again and again."""
    try:
        python = rie.build()
    except rie.CannotBuild as error:
        run.say(f"  not measured: {error}")
        return []
    with ExitStack() as stack:
        surroundings = _Surroundings(stack)
        log = CACHE / "cold_start.log"
        log.unlink(missing_ok=True)
        return [_one(run, surroundings, python, log, name, *told) for name, told in _EVENTS.items()]


def _one(run: Run, around: _Surroundings, python: Path, log: Path, name: str, function: str, case: str, told: str) -> Figure:
    spec = around.template.functions[function]
    starts = [
        rie.start(python, spec, around.variables(function), around.event(function, case), log) for _ in range(2 if run.quick else _TIMES)
    ]
    around.judge(starts[-1].answer)
    ms = [start.cpu_seconds * 1000 for start in starts]
    wall = statistics.median(start.wall_seconds for start in starts) * 1000
    return figure(f"cold_start_cpu_ms_{name}", statistics.median(ms), "ms", f"{told}; {min(ms):.0f} to {max(ms):.0f}, {wall:.0f} ms by the clock")


class _Surroundings:
    """What the functions find on AWS: a database that they log in to by IAM and TLS, queue, lock table, key, secrets, the actions service."""

    def __init__(self, stack: ExitStack) -> None:
        """Start them all; `stack` ends them."""
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
        self.template = Template(ROOT / "template.yaml", known | {"Database.Endpoint.Address": self._seen.host})
        self._emulator.provision(self.template, _SECRETS, "LockTable")
        self._engine = stack.enter_context(closing(Engine(self._url, threads=5)))
        self._session = stack.enter_context(closing(Session(self._url)))
        self._accounts = 0
        for document in (*read_definitions(ROOT / "definitions"), THREE_EFFECTS, _WAIT):
            publish(self._engine, document)
        self._own = {"submit": THREE_EFFECTS, "wake": _WAIT}

    def variables(self, function: str) -> dict[str, str]:
        """A function's environment, the template's and the platform's."""
        told = {
            "ACTIONS_BASE_URL": self._actions.url,
            "DB_PORT": str(self._seen.port),
            "DB_NAME": self._url.rpartition("/")[2],
        }
        return function_variables(self.template.functions[function], told, {}, endpoint=self._emulator.url)

    def event(self, function: str, case: str) -> dict[str, Any]:
        """An event of `events/`, about an account of its own; a step's points at a task that is there and due, a tick finds one to claim."""
        self._accounts += 1
        if case in self._own:
            return self._task(self._own[case])
        if function == "tick":
            self._engine.control().pause_all(BENCH)
            import_workflows(self._engine, _WAIT, 1, prefix=f"cold-{self._accounts}")
            self._engine.control().resume_all(BENCH)
        text = (ROOT / "events" / function / f"{case}.json").read_text()
        event: dict[str, Any] = json.loads(text.replace("single-1", f"single-{self._accounts}"))
        return event

    def _task(self, document: dict[str, Any]) -> dict[str, Any]:
        told: list[TaskPointer] = []
        import_workflows(self._engine, document, 1, prefix=f"cold-{self._accounts}", told=told)
        register(self._session)
        event: dict[str, Any] = json.loads((ROOT / "events" / "step" / "one_task.json").read_text())
        event["Records"][0]["body"] = encode(told)
        return event

    @staticmethod
    def judge(answer: Any) -> None:  # noqa: ANN401  # whatever a handler answers
        """What was measured did its work."""
        assert answer.get("statusCode", 200) == 200, answer
        assert not answer.get("batchItemFailures"), answer
        assert answer.get("sent", 1) == 1, answer
