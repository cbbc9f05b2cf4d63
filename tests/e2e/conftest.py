"""One running stack for tests that only use it, and own stacks for tests that break one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.local_stack import LocalStack

SPEED = 120
StartStack = Callable[..., LocalStack]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """Start a stack whose clock runs two minutes per second. Each test uses accounts of its own."""
    running = LocalStack(tmp_path_factory.mktemp("stack"), "--ephemeral", "--speed", str(SPEED))
    yield running
    running.end()


@pytest.fixture
def start_stack(tmp_path: Path) -> Iterator[StartStack]:
    """Return a function `start_stack(*options, data_dir=..., env=...)`.

    By default all stacks share a data directory.
    """
    started: list[LocalStack] = []

    def start(
        *options: str, data_dir: Path | None = None, env: dict[str, str] | None = None
    ) -> LocalStack:
        started.append(LocalStack(data_dir or tmp_path / "data", *options, env=env))
        return started[-1]

    yield start
    for running in started:
        running.end()
