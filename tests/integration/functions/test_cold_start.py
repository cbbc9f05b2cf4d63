"""The modules that a function has imported after its first event.

Unlike seconds, they do not depend on the machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from devstack.actions_service.server import ActionsService
from flamebot import resources
from flamebot.adapters.actions_api.client import ActionsApi
from flamebot.adapters.postgres.admin_store import PostgresAdminStore
from flamebot.domain.message import TaskPointer, encode
from flamebot.domain.task import Phase
from flamebot.ports.admin_store import FIRST_VERSION, Caller
from tests.integration.functions.conftest import ROOT, Deployed
from tests.support.databases import PASSWORD, execute

# Like Lambda, a new interpreter imports app.py and then calls its handler. Without an event it only
# imports.
_FIRST_EVENT = """
import json, sys
sys.modules["click"] = None  # the layer has none: with it httpx would import its command line
before = set(sys.modules)
{extra}
sys.path.insert(0, sys.argv[1])
import app
class Context:
    aws_request_id = "5e6f7a8b-0000-4000-8000-000000000003"
    def get_remaining_time_in_millis(self):
        return 60_000
answer = app.handler(json.loads(sys.argv[2]), Context()) if len(sys.argv) > 2 else None
print(json.dumps([answer, sorted(set(sys.modules) - before)]))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The number of package modules that may be loaded, and the modules that may not."""

    modules: int
    absent: str


# Python's own modules are not counted, because versions split them differently; the expensive ones
# are named.
_NEVER = """openai boto3 s3transfer moto flask devstack cli pytest aws_xray_sdk asyncio
    multiprocessing aws_lambda_powertools.event_handler aws_lambda_powertools.utilities.batch
    aws_lambda_powertools.utilities.parameters
    aws_lambda_powertools.utilities.parser aws_lambda_powertools.utilities.validation"""
BUDGETS = {
    "tick": Budget(
        modules=244, absent="pydantic httpx cryptography yaml flamebot.actions.kind flamebot.http"
    ),
    "step": Budget(modules=410, absent="cryptography yaml flamebot.http"),
    "maintenance": Budget(
        modules=234, absent="pydantic httpx cryptography yaml flamebot.actions flamebot.http"
    ),
    "api": Budget(modules=360, absent="httpx cryptography yaml"),
    "import_accounts": Budget(modules=366, absent="httpx yaml"),
    "import_file": Budget(modules=320, absent="httpx cryptography yaml flamebot.http"),
    "migrate": Budget(
        modules=45, absent="pydantic psycopg2 botocore cryptography yaml flamebot.http"
    ),
}
_TEST = Caller(actor="test")


@pytest.fixture
def actions() -> Iterator[ActionsService]:
    """Return the simulated actions service."""
    service = ActionsService()
    service.start()
    yield service
    service.stop()


def _event(function: str, name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((ROOT / "events" / function / f"{name}.json").read_text())
    return event


def _store(deployed: Deployed) -> PostgresAdminStore:
    return PostgresAdminStore(
        deployed.database.db,
        resources.clock(),
        horizon=timedelta(minutes=2),
        lease=timedelta(seconds=90),
    )


def _minute(deployed: Deployed, actions: ActionsService) -> dict[str, Any]:
    """Return a tick's event; a task is due to be claimed and sent."""
    del actions
    _store(deployed).pause_all(_TEST)
    deployed.answer("import_accounts", _event("import_accounts", "one_account"))
    _store(deployed).resume_all(_TEST)
    return _event("tick", "minute")


def _due(deployed: Deployed, actions: ActionsService) -> dict[str, Any]:
    """Return a message about a due effect of a registered account, as most first events are."""
    steps = [{"id": "swipe", "action": "swipe_with_spectre", "swipeCount": 5}]
    document = {"type": "now", "name": "Now", "description": "", "config": {}, "steps": steps}
    _store(deployed).publish_definition(document, FIRST_VERSION, _TEST)
    request = _event("import_accounts", "one_account")
    request["body"] = json.dumps(json.loads(request["body"]) | {"workflowType": "now"})
    deployed.answer("import_accounts", request)
    service = ActionsApi(actions.url, lambda: actions.token, timeout=timedelta(seconds=5))
    service.register(
        "single-1",
        {"modelId": "model-aurora", "channelId": "channel-1"},
        key="single-1:1",
        fencing_token=1,
    )
    service.close()
    execute(
        deployed.server.url(deployed.database.name),
        "update accounts set registered_version = credentials_version",
    )
    task = deployed.database.one(
        "select task_id, fence, account_id, phase, scheduled_for as due from scheduled_tasks"
    )
    event = _event("step", "one_task")
    event["Records"][0]["body"] = encode([TaskPointer(**{**task, "phase": Phase(task["phase"])})])
    return event


EVENTS: dict[str, Callable[[Deployed, ActionsService], object]] = {
    "tick": _minute,
    "step": _due,
    "maintenance": lambda *_: _event("maintenance", "periodic"),
    "api": lambda *_: _event("api", "stats"),
    "import_accounts": lambda *_: _event("import_accounts", "one_account"),
    "import_file": lambda *_: _event("import_file", "wake_up"),
    # it sends its response to CloudFormation's address and nowhere else
    "migrate": lambda *_: None,
}


def first_event(
    deployed: Deployed,
    surroundings: Mapping[str, str],
    function: str,
    event: object,
    *,
    extra: str = "",
) -> tuple[Any, set[str]]:
    """Return the response and the loaded modules.

    `extra` runs first. The writer's provider has its own package.
    """
    spec = deployed.template.functions[function]
    variables = {
        **spec.environment,
        **surroundings,
        "AI_PROVIDER": "openai",
        "PYTHONPATH": str(ROOT / "layers" / "engine" / "src"),
    }
    if "DB_USER" in spec.environment:
        variables["DATABASE_URL"] = deployed.server.url(
            deployed.database.name, user=spec.environment["DB_USER"], password=PASSWORD
        )
    arguments = [str(spec.code), *([] if event is None else [json.dumps(event)])]
    command = [sys.executable, "-c", _FIRST_EVENT.format(extra=extra), *arguments]
    done = subprocess.run(
        command,
        cwd=spec.code,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    answer, modules = json.loads(done.stdout.splitlines()[-1])
    return answer, set(modules)


def over_budget(function: str, modules: set[str]) -> list[str]:
    """Return the modules that exceed the function's budget."""
    budget = BUDGETS[function]
    issues = [f"{name} is there" for name in f"{_NEVER} {budget.absent}".split() if name in modules]
    of_packages = [
        name
        for name in modules
        if name.split(".")[0] not in sys.stdlib_module_names
        and not name.startswith("_sysconfigdata")
    ]
    if len(of_packages) > budget.modules:
        issues.append(f"{len(of_packages)} modules, {budget.modules} are the budget")
    return issues


@pytest.mark.parametrize("function", BUDGETS)
def test_a_first_event_imports_no_more_than_it_needs(
    deployed: Deployed, surroundings: dict[str, str], actions: ActionsService, function: str
) -> None:
    """Each function stays within its budget, without packages that its first event does not use."""
    own = {**surroundings, "ACTIONS_BASE_URL": actions.url, "ACTIONS_TOKEN": actions.token}
    answer, modules = first_event(deployed, own, function, EVENTS[function](deployed, actions))
    assert over_budget(function, modules) == []
    if function == "tick":
        assert answer["sent"] == 1
    if function == "step":
        assert [entry["operation"] for entry in actions.provider.ledger()["writes"]] == [
            "registerAccount",
            "startSwipeTask",
        ]


def test_an_eager_import_is_over_every_budget(
    deployed: Deployed, surroundings: dict[str, str]
) -> None:
    """The budgets are tight: importing openai where it is unused exceeds every one of them."""
    _, modules = first_event(
        deployed, surroundings, "tick", _event("tick", "minute"), extra="import openai"
    )
    issues = over_budget("tick", modules)
    assert issues[0] == "openai is there"
    assert "are the budget" in issues[-1]
