"""An HTTP API for each test file, on its own database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from devstack.postgres import Server
from tests.contracts.conftest import aws, aws_endpoint  # noqa: F401  # fixtures: one emulator is set up one way
from tests.integration.services.conftest import engine, roles, vault  # noqa: F401
from tests.security.front import Front
from tests.support.databases import DatabasePool


@pytest.fixture(scope="module")
def front(
    postgres: Server,
    database_pool: DatabasePool,
    aws: Callable[[str], Any],  # noqa: F811  # pytest's way to ask for a fixture
    aws_endpoint: str,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Front]:
    """The API behind its gateway."""
    database = database_pool.take()
    door = Front(postgres, database, aws, aws_endpoint, tmp_path_factory.mktemp("front"))
    yield door
    door.close()
    database_pool.give_back(database)
