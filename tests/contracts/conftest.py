"""Real servers for the adapters.

Moto's over HTTP for AWS, the session's Postgres, loopback for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devstack.child import Child
from devstack.postgres import Server
from flamebot.adapters.postgres.connection import Database
from flamebot.adapters.postgres.migrations import migrate
from tests.contracts.endpoints import client
from tests.support import databases


@pytest.fixture(scope="session")
def aws_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of the local stack's AWS emulator, moto's server in its own process."""
    folder = tmp_path_factory.mktemp("emulator")
    with (folder / "emulator.log").open("wb") as log:
        emulator = Child(
            "devstack.aws.server", ["--key-file", str(folder / "kms-key.json")], log=log
        )
        try:
            yield str(emulator.wait_ready()["url"])
        finally:
            emulator.stop()


@pytest.fixture(scope="session")
def aws(aws_endpoint: str) -> Callable[[str], Any]:
    """Return a function that makes clients of the moto server."""
    clients: dict[str, Any] = {}

    def make(service: str) -> Any:
        if service not in clients:
            clients[service] = client(service, aws_endpoint)
        return clients[service]

    return make


@pytest.fixture(scope="session")
def lock_table(aws: Callable[[str], Any]) -> str:
    """A lock table as template.yaml declares it."""
    aws("dynamodb").create_table(
        TableName="locks",
        KeySchema=[{"AttributeName": "account_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "account_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return "locks"


@pytest.fixture(scope="session")
def lock_database(postgres: Server, sql_dir: Path) -> Iterator[Database]:
    """A migrated database for locks alone."""
    name = databases.create(postgres)
    migrate(postgres.url(name), sql_dir)
    database = Database(lambda: postgres.url(name))
    yield database
    database.close()
    databases.drop(postgres, name)
