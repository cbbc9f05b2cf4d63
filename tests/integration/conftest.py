"""The task store on a fresh database, with an engine clock that stands still until a test moves it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from devstack.postgres import Server
from flamebot.adapters.postgres.engine_store import PostgresEngineStore
from tests.support import crowd, databases
from tests.support.builders import HORIZON, LEASE, NOON
from tests.support.databases import TestDatabase


class FixedClock:
    """Schedule time stands at noon; wall time goes on."""

    rate = 1.0

    def __init__(self) -> None:
        self.engine: datetime | None = NOON

    def now(self) -> datetime | None:
        """Schedule time."""
        return self.engine

    def wall(self) -> datetime:
        """Wall time."""
        return datetime.now(UTC)  # noqa: TID251  # this is a Clock

    def monotonic(self) -> float:
        """Real seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, in wall-clock seconds."""
        time.sleep(seconds)

    def advance(self, **span: float) -> None:
        """Move schedule time on."""
        self.engine = (
            self.wall() + timedelta(**span)
            if self.engine is None
            else self.engine + timedelta(**span)
        )


@pytest.fixture
def clock() -> FixedClock:
    """Schedule time at noon."""
    return FixedClock()


@pytest.fixture
def store(database: TestDatabase, clock: FixedClock) -> PostgresEngineStore:
    """The task store on the test's database."""
    return PostgresEngineStore(database.db, clock, horizon=HORIZON, lease=LEASE, max_queued=20_000)


@pytest.fixture(scope="session")
def crowded(postgres: Server, migrated: str) -> Iterator[TestDatabase]:
    """A database in which a million instances sleep, analysed while nothing was queued or running. A test leaves it as it was."""
    name = databases.create(postgres, migrated)
    database = TestDatabase(postgres, name)
    crowd.fill(database)
    yield database
    database.close()
    databases.drop(postgres, name)
