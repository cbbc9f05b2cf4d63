"""The functions as deployed: `app.handler`, the template's variables, a database role each.

AWS is emulated.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from devstack.aws.template import Template
from devstack.postgres import Server
from flamebot import bootstrap, resources
from flamebot.adapters.definition_files.reader import read_definitions
from flamebot.adapters.postgres.admin_store import PostgresAdminStore
from flamebot.services.definitions.seed import seed_definitions
from tests.contracts.conftest import aws, aws_endpoint, lock_table  # noqa: F401  # fixtures: one emulator is set up one way
from tests.support.databases import PASSWORD, TestDatabase, execute

ROOT = Path(__file__).resolve().parents[3]
ROLES = (
    "flamebot_import",
    "flamebot_import_file",
    "flamebot_api",
    "flamebot_tick",
    "flamebot_step",
    "flamebot_maintenance",
)


class Context:
    """The context object that Lambda passes to a handler."""

    aws_request_id = "5e6f7a8b-0000-4000-8000-000000000002"

    def get_remaining_time_in_millis(self) -> int:
        """Return the time at the start of an invocation."""
        return 60_000


class Deployed:
    """Invokes functions, each time as in a new environment."""

    def __init__(
        self,
        template: Template,
        surroundings: dict[str, str],
        database: TestDatabase,
        server: Server,
        patch: pytest.MonkeyPatch,
    ) -> None:
        self.database = database
        self.template = template
        self._surroundings = surroundings
        self.server = server
        self._patch = patch

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """Run a function's handler."""
        spec = self.template.functions[function]
        with self._patch.context() as patch:
            url = self.server.url(
                self.database.name, user=spec.environment["DB_USER"], password=PASSWORD
            )
            for name, value in {
                **spec.environment,
                **self._surroundings,
                "DATABASE_URL": url,
            }.items():
                patch.setenv(name, value)
            forget()
            try:
                return _load(spec.code / "app.py").handler(event, Context())
            finally:
                forget()

    def answer(self, function: str, event: dict[str, Any]) -> tuple[int, Any]:
        """Run a function of the HTTP API; return status and body."""
        answer = self.invoke(function, event)
        return answer["statusCode"], json.loads(answer["body"]) if answer.get("body") else None


def forget() -> None:
    """Clear what a process keeps between invocations.

    The loggers stay, because Powertools sets each up once.
    """
    if bootstrap.database.cache_info().currsize:
        bootstrap.database().close()
    for made in (*vars(bootstrap).values(), *vars(resources).values()):
        if hasattr(made, "cache_clear") and made is not bootstrap.telemetry:
            made.cache_clear()


def _load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_app", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def server(postgres: Server, migrated: str) -> Server:
    """Return the server, with a login for each function's role."""
    execute(postgres.url(), *(f"alter role {role} password '{PASSWORD}'" for role in ROLES))
    return postgres


@pytest.fixture(scope="session")
def surroundings(aws_endpoint: str) -> dict[str, str]:  # noqa: F811
    """Return the variables that Lambda sets for every function, and the emulator's address."""
    return {
        "AWS_ENDPOINT_URL": aws_endpoint,
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "unused",
        "AWS_SECRET_ACCESS_KEY": "nothing",
    }


@pytest.fixture(scope="session")
def template(aws: Callable[[str], Any], lock_table: str) -> Template:  # noqa: F811
    """Return the template, with the emulator's queue, table, key and secrets."""
    aws("s3").create_bucket(
        Bucket="imports-of-the-functions",
        CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
    )
    known = {
        "ImportQueue": aws("sqs").create_queue(QueueName=f"wake-ups-{uuid4()}")["QueueUrl"],
        "ImportBucket": "imports-of-the-functions",
        "StepQueue": aws("sqs").create_queue(QueueName=f"step-{uuid4()}")["QueueUrl"],
        "LockTable": lock_table,
        "CredentialsKey.Arn": aws("kms").create_key()["KeyMetadata"]["Arn"],
        "ActionsTokenSecret": "not read",
        "OpenAiSecret": "not read",
    }
    return Template(ROOT / "template.yaml", known)


@pytest.fixture
def deployed(
    template: Template,
    surroundings: dict[str, str],
    database: TestDatabase,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Deployed]:
    """Return the functions on a fresh database with the definitions."""
    forget()
    s = resources.settings()
    store = PostgresAdminStore(
        database.db, resources.clock(), horizon=s.tick_horizon, lease=s.task_lease
    )
    seed_definitions(store, read_definitions(ROOT / "definitions"))
    yield Deployed(template, surroundings, database, server, monkeypatch)
    forget()
