"""Gateway events, and telemetry that remembers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.gateway import Remembering, make_event


@pytest.fixture
def event() -> Callable[..., dict[str, Any]]:
    """Makes an event."""
    return make_event


@pytest.fixture
def telemetry() -> Remembering:
    """Telemetry that remembers."""
    return Remembering()
