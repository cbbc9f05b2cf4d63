"""How much is tried: a fixed little in `make test`, any amount with a seed of its own in `make fuzz CASES=n`."""

from __future__ import annotations

import pytest

from tests.contracts.conftest import aws, aws_endpoint  # noqa: F401  # fixtures: one emulator is set up one way
from tests.fuzz.effort import CASES, SEED
from tests.security.conftest import front  # noqa: F401  # the same door


def pytest_report_header() -> str:
    """Say how to see the same again."""
    return f"fuzz: {f'{CASES} cases per property, seed {SEED}' if CASES else 'the same cases every time'}"


@pytest.fixture(scope="session")
def tally() -> dict[str, int]:
    """Cases that were tried, by what was fuzzed."""
    return {}
