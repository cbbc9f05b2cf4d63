"""The API as deployed: the template's routes, a real token check, functions in their own processes.

Each function has its own role on a real database; KMS, SQS and DynamoDB are emulated. There is no
tick and no poller: an import stays where it left its rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from devstack.aws.environment import function_variables, layer_paths
from devstack.aws.functions import Function
from devstack.aws.gateway import Gateway
from devstack.aws.template import Template
from devstack.postgres import Server
from devstack.tokens import Verifier, mint
from flamebot.actions.registry import REGISTRY
from flamebot.adapters.clock.system import SystemClock
from flamebot.adapters.definition_files.reader import read_definitions
from flamebot.adapters.postgres.admin_store import PostgresAdminStore
from flamebot.config import Settings
from flamebot.domain.backoff import EnginePolicy
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.definitions.seed import seed_definitions
from tests.support.databases import PASSWORD, TestDatabase, execute

ROOT = Path(__file__).resolve().parents[2]
Json = dict[str, Any]


class Front:
    """The HTTP API over a socket.

    `api` is a client with every scope, `stranger` one without a token.
    """

    def __init__(
        self,
        server: Server,
        database: TestDatabase,
        aws: Callable[[str], Any],
        endpoint: str,
        home: Path,
    ) -> None:
        """Start the gateway. The functions' processes start with their first event."""
        self.database = database
        self.home = home
        self.queue_url: str = aws("sqs").create_queue(QueueName=f"front-{uuid4()}")["QueueUrl"]
        table = f"front-{uuid4()}"
        aws("dynamodb").create_table(
            TableName=table,
            KeySchema=[{"AttributeName": "account_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "account_id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        known = {
            "StepQueue": self.queue_url,
            "LockTable": table,
            "ImportQueue": aws("sqs").create_queue(QueueName=f"front-imports-{uuid4()}")[
                "QueueUrl"
            ],
            "ImportBucket": "imports-of-the-front",
            "CredentialsKey.Arn": aws("kms").create_key()["KeyMetadata"]["Arn"],
            "ActionsTokenSecret": "not read",
            "OpenAiSecret": "not read",
        }
        self.template = Template(ROOT / "template.yaml", known)
        self._cleanup = ExitStack()
        seed(database)
        self.functions = {
            name: self._function(server, name, endpoint) for name in ("api", "import_accounts")
        }
        self.gateway = Gateway(
            self.template.routes(),
            Verifier(home),
            lambda name, event: self.functions[name].invoke(event, timeout=20),
            {},
        )
        self._cleanup.callback(self.gateway.stop)
        self.gateway.start()
        self.token = mint(home)
        self.api = self.client(self.token)
        self.stranger = self.client(None)

    def close(self) -> None:
        """End every process of the functions."""
        self._cleanup.close()

    def client(self, token: str | None) -> httpx.Client:
        """Return a client with this token."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        client = httpx.Client(
            base_url=self.gateway.url, headers=headers, timeout=30, trust_env=False
        )
        self._cleanup.callback(client.close)
        return client

    def load(
        self, *rows: Mapping[str, Any], start: bool = False, workflow_type: str = "default"
    ) -> list[Json]:
        """Import accounts; return the result of each row."""
        body = {"accounts": list(rows), "startAutomation": start, "workflowType": workflow_type}
        answer = self.api.post("/v1/accounts/import", json=body)
        assert answer.status_code == 200, answer.text
        results: list[Json] = answer.json()["results"]
        return results

    def log_lines(self) -> list[str]:
        """Return all lines that the functions have logged."""
        return [
            line
            for path in sorted(self.home.glob("*.log"))
            for line in path.read_text(encoding="utf-8").split("\n")
            if line
        ]

    def log_entries(self) -> list[Json]:
        """Return all log lines as JSON objects."""
        entries = [json.loads(line) for line in self.log_lines()]
        assert all(isinstance(entry, dict) for entry in entries)
        return entries

    def _function(self, server: Server, name: str, endpoint: str) -> Function:
        spec = self.template.functions[name]
        role = spec.environment["DB_USER"]
        execute(server.url(), f"alter role {role} password '{PASSWORD}'")
        url = server.url(self.database.name, user=role, password=PASSWORD)
        variables = function_variables(spec, {"DATABASE_URL": url}, {}, endpoint=endpoint)
        variables["PYTHONPATH"] = str(ROOT)
        function = Function(
            spec, variables, layer_paths(spec, self.template), self.home / f"{name}.log", 2
        )
        self._cleanup.callback(function.stop)
        return function


def seed(database: TestDatabase) -> None:
    """Publish the seeded definitions."""
    settings = Settings.from_env({})
    store = PostgresAdminStore(
        database.db, SystemClock(), horizon=settings.tick_horizon, lease=settings.task_lease
    )
    policy = EnginePolicy(
        max_attempts=settings.max_attempts,
        max_reclaims=settings.max_reclaims,
        retry_base=settings.retry_base,
        retry_cap=settings.retry_cap,
    )
    seed_definitions(
        store,
        read_definitions(ROOT / "definitions"),
        DefinitionCatalog(store, REGISTRY, policy).issues,
    )
