"""Gateway events, and telemetry that records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flamebot.http.router import Router
from tests.support.gateway import Remembering, make_event
from tests.unit.http.echo_api import HANDLERS, TABLE


@pytest.fixture
def event() -> Callable[..., dict[str, Any]]:
    """Return the function that makes events."""
    return make_event


@pytest.fixture
def telemetry() -> Remembering:
    """Return telemetry that records lines and metrics."""
    return Remembering()


@pytest.fixture
def router(telemetry: Remembering) -> Router:
    """Return a router of the echo API."""
    return Router(TABLE, HANDLERS, scope_prefix="flamebot/", telemetry=telemetry)
