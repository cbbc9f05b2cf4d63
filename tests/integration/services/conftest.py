"""The engine's services on real parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devstack.actions_service.server import ActionsService
from devstack.postgres import Server
from flamebot.adapters.kms.vault import KmsVault
from tests.contracts.conftest import aws, aws_endpoint, lock_table  # noqa: F401  # fixtures: one moto server is set up one way
from tests.integration.services.engine import ROLES, Engine
from tests.integration.services.imports import Imports
from tests.support.databases import PASSWORD, TestDatabase, execute


@pytest.fixture(scope="session")
def roles(postgres: Server, migrated: str) -> None:
    """The roles of the functions can log in."""
    execute(postgres.url(), *(f"alter role {role} password '{PASSWORD}'" for role in ROLES))


@pytest.fixture(scope="session")
def vault(aws: Callable[[str], Any]) -> KmsVault:  # noqa: F811  # pytest's way to ask for a fixture
    """A vault under a key of its own."""
    kms = aws("kms")
    return KmsVault(kms, kms.create_key()["KeyMetadata"]["KeyId"])


@pytest.fixture
def engine(
    postgres: Server, database: TestDatabase, roles: None, vault: KmsVault, tmp_path: Path
) -> Iterator[Engine]:
    """An engine with an actions service whose jobs take schedule time."""
    directory = tmp_path / "engine"
    directory.mkdir()
    clock = directory / "clock.json"
    clock.write_text('{"anchorWall": 0, "anchorSchedule": 0, "speed": 1.0}')
    actions = ActionsService(clock_file=clock)
    actions.start()
    engine = Engine(postgres, database, directory, vault, actions)
    yield engine
    engine.close()
    actions.stop()


@pytest.fixture
def imports(engine: Engine, postgres: Server, monkeypatch: pytest.MonkeyPatch) -> Imports:
    """Imports by file, in chunks of three rows."""
    return Imports(engine, postgres, monkeypatch)
