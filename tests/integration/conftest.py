"""The engine store on a fresh database, with a schedule clock that tests move."""

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
    """A clock whose schedule time is fixed while wall time advances."""

    rate = 1.0

    def __init__(self) -> None:
        self.engine: datetime | None = NOON

    def now(self) -> datetime | None:
        """Return the schedule time of the test."""
        return self.engine

    def wall(self) -> datetime:
        """Return the wall time of the test."""
        return datetime.now(UTC)  # noqa: TID251  # this is a Clock

    def monotonic(self) -> float:
        """Return monotonic wall-clock seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep for wall-clock seconds."""
        time.sleep(seconds)

    def advance(self, **span: float) -> None:
        """Move schedule time forwards."""
        self.engine = (
            self.wall() + timedelta(**span)
            if self.engine is None
            else self.engine + timedelta(**span)
        )


@pytest.fixture
def clock() -> FixedClock:
    """Return a clock whose schedule time is noon."""
    return FixedClock()


@pytest.fixture
def store(database: TestDatabase, clock: FixedClock) -> PostgresEngineStore:
    """Return the engine store on the test's database."""
    return PostgresEngineStore(database.db, clock, horizon=HORIZON, lease=LEASE, max_queued=20_000)


@pytest.fixture(scope="session")
def crowded(postgres: Server, migrated: str) -> Iterator[TestDatabase]:
    """Return a database with a million sleeping instances.

    It was analysed while nothing was queued or running, and tests restore it.
    """
    name = databases.create(postgres, migrated)
    database = TestDatabase(postgres, name)
    crowd.fill(database)
    yield database
    database.close()
    databases.drop(postgres, name)
