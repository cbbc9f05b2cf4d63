"""How many cases a property gets, and from which seed. `make test` tries the same few each time; `make fuzz` as many as it is told."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, seed, settings

CASES = int(os.environ.get("FUZZ_CASES") or 0)
SEED = int(os.environ.get("FUZZ_SEED") or 1)
_UNHURRIED = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture)


def effort(quick: int) -> Callable[[Any], Any]:
    """Settings for a property that tries so many cases in `make test`."""
    if not CASES:
        return settings(max_examples=quick, derandomize=True, database=None, deadline=None, suppress_health_check=_UNHURRIED)

    def long(test: Any) -> Any:
        return seed(SEED)(settings(max_examples=CASES, database=None, deadline=None, suppress_health_check=_UNHURRIED)(test))

    return long
