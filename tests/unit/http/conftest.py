"""Gateway events, and telemetry that records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.gateway import Remembering, make_event


@pytest.fixture
def event() -> Callable[..., dict[str, Any]]:
    """Return the function that makes events."""
    return make_event


@pytest.fixture
def telemetry() -> Remembering:
    """Return telemetry that records lines and metrics."""
    return Remembering()
