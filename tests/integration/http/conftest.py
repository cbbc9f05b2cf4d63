"""The API as API Gateway calls it, on a real database, with KMS and SQS of the AWS emulator."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import pytest

from flamebot.actions.registry import REGISTRY
from flamebot.adapters.clock.system import SystemClock
from flamebot.adapters.definition_files.reader import read_definitions
from flamebot.adapters.kms.vault import KmsVault
from flamebot.adapters.postgres.admin_store import PostgresAdminStore
from flamebot.adapters.postgres.connection import Database
from flamebot.adapters.postgres.engine_store import PostgresEngineStore
from flamebot.adapters.postgres.imports import PostgresImportAdminStore
from flamebot.adapters.postgres.read_store import PostgresReadStore
from flamebot.adapters.s3.files import S3ImportFiles
from flamebot.adapters.sqs.probes import probe_queue
from flamebot.adapters.sqs.queue import SqsStepQueue
from flamebot.config import Settings
from flamebot.domain.backoff import EnginePolicy
from flamebot.http.endpoints import TABLE
from flamebot.http.openapi_problems import errors_of
from flamebot.http.router import Router
from flamebot.http.routes import api, imports
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.definitions.seed import seed_definitions
from flamebot.services.imports.admin import FileImports
from flamebot.services.imports.from_request import ImportAccounts
from flamebot.services.maintenance.health import CheckHealth
from flamebot.services.maintenance.probes import RunWithTimeout
from flamebot.services.ticking.dispatch import DispatchDue
from tests.contracts.conftest import aws, aws_endpoint  # noqa: F401  # fixtures: the same emulator as the adapters' suites
from tests.support.databases import TestDatabase
from tests.support.gateway import Remembering, make_event

ROOT = Path(__file__).resolve().parents[3]
HORIZON, LEASE = timedelta(seconds=120), timedelta(seconds=90)
PROBE_TIMEOUT = 2.0  # seconds, of the health check


@dataclass
class ApiResponse:
    """A response with its body parsed."""

    status: int
    body: Any
    headers: dict[str, str] = field(repr=False)
    text: str = field(repr=False)


def assert_documented(method: str, path: str, answer: ApiResponse) -> None:
    """Assert that the OpenAPI document lists this error's code for the operation and status."""
    segments = tuple(unquote(part) for part in path.split("/")[1:])
    matching = [
        endpoint
        for endpoint in sorted(TABLE, key=lambda endpoint: endpoint.path.count("{"))
        if endpoint.method == method and endpoint.match(segments) is not None
    ]
    if matching and answer.status >= 400 and isinstance(answer.body, dict):
        errors = errors_of(matching[0])[answer.status]
        assert answer.body.get("code", "unavailable") in {error.code for error in errors}


@dataclass
class Api:
    """Calls both functions in the way API Gateway routes requests."""

    database: TestDatabase
    importer: Router
    rest: Router
    telemetry: Remembering
    queue_url: str
    sqs: Any

    def call(self, method: str, path: str, **event: Any) -> ApiResponse:
        """Make one call; see `make_event`."""
        router = self.importer if (method, path) == ("POST", "/v1/accounts/import") else self.rest
        answer = router.handle(make_event(method, path, **event))
        text = answer["body"]
        got = ApiResponse(
            answer["statusCode"], json.loads(text) if text else None, answer["headers"], text
        )
        assert_documented(method, path, got)
        return got

    def load(
        self,
        *accounts: dict[str, Any],
        start: bool = True,
        workflow_type: str = "default",
        **event: Any,
    ) -> ApiResponse:
        """Import accounts over the API."""
        body = {"accounts": list(accounts), "startAutomation": start, "workflowType": workflow_type}
        return self.call("POST", "/v1/accounts/import", body=body, **event)

    def started(self, account_id: str = "a", workflow_type: str = "default") -> str:
        """Import one account with a workflow and return the workflow's id."""
        answer = self.load(
            {"accountId": account_id, "modelId": "m", "channelId": "c"},
            workflow_type=workflow_type,
        )
        instance_id = answer.body["results"][0]["workflow"]["instanceId"]
        assert isinstance(instance_id, str), answer.body
        return instance_id

    def messages(self) -> list[str]:
        """Receive and delete every visible message."""
        bodies: list[str] = []
        while True:
            got = self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get(
                "Messages", []
            )
            if not got:
                return bodies
            for message in got:
                bodies.append(message["Body"])
                self.sqs.delete_message(
                    QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"]
                )


@pytest.fixture(scope="session")
def key_id(aws: Callable[[str], Any]) -> str:  # noqa: F811
    """Return the id of a KMS key."""
    return str(aws("kms").create_key()["KeyMetadata"]["KeyId"])


def connector(
    database: TestDatabase, client: Callable[[str], Any], key_id: str, stack: ExitStack
) -> Callable[..., Api]:
    """Return a function that makes APIs with a connection each, as concurrent environments have."""
    queue_url = client("sqs").create_queue(QueueName=f"step-{uuid4()}")["QueueUrl"]
    settings = Settings.from_env({"MAX_CONCURRENT_TASKS": "10"})
    policy = EnginePolicy(
        max_attempts=3,
        max_reclaims=5,
        retry_base=timedelta(seconds=30),
        retry_cap=timedelta(seconds=300),
    )
    clock = SystemClock()

    def make(kms: Any = None) -> Api:
        connection = Database(lambda: database.url)
        stack.callback(connection.close)
        telemetry = Remembering()
        store = PostgresAdminStore(connection, clock, horizon=HORIZON, lease=LEASE)
        tasks = PostgresEngineStore(
            connection, clock, horizon=HORIZON, lease=LEASE, max_queued=20000
        )
        catalog = DefinitionCatalog(store, REGISTRY, policy)
        queue = SqsStepQueue(client("sqs"), queue_url)
        files = S3ImportFiles(client("s3"), "imports-over-http")
        vault = KmsVault(kms or client("kms"), key_id)
        importer = ImportAccounts(
            store=store, vault=vault, catalog=catalog, queue=queue, clock=clock, telemetry=telemetry
        )
        reads = PostgresReadStore(connection, clock)
        checks = CheckHealth(
            store=reads,
            max_concurrent_tasks=settings.max_concurrent_tasks,
            maintenance_period=settings.health_check_period,
            clock=clock,
            telemetry=telemetry,
            probes={"queue": lambda: probe_queue(client("sqs"), queue_url)},
            run_probes=RunWithTimeout(PROBE_TIMEOUT, clock),
        )
        rest = api.router(
            store=store,
            reads=reads,
            catalog=catalog,
            imports=FileImports(
                store=PostgresImportAdminStore(connection),
                files=lambda: files,
                catalog=catalog,
                wake_ups=queue,
                clock=clock,
            ),
            queue=queue,
            dispatcher=DispatchDue(
                store=tasks, queue=queue, catalog=catalog, clock=clock, telemetry=telemetry
            ),
            clock=clock,
            telemetry=telemetry,
            settings=settings,
            checks=checks,
        )
        entrance = imports.router(importer, scope_prefix="flamebot/", telemetry=telemetry)
        return Api(
            database=database,
            importer=entrance,
            rest=rest,
            telemetry=telemetry,
            queue_url=queue_url,
            sqs=client("sqs"),
        )

    seeding = Database(lambda: database.url)
    store = PostgresAdminStore(seeding, clock, horizon=HORIZON, lease=LEASE)
    seed_definitions(
        store,
        read_definitions(ROOT / "definitions"),
        DefinitionCatalog(store, REGISTRY, policy).issues,
    )
    seeding.close()
    return make


@pytest.fixture
def connect(
    database: TestDatabase,
    aws: Callable[[str], Any],  # noqa: F811
    key_id: str,
) -> Iterator[Callable[..., Api]]:
    """Return a function that makes APIs on the test's own database."""
    with ExitStack() as stack:
        yield connector(database, aws, key_id, stack)


@pytest.fixture
def http(connect: Callable[..., Api]) -> Api:
    """Return an API on the test's own database."""
    return connect()
