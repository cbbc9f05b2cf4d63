"""The number of cases of a property, and their seed. `make test` tries the same few each time."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, seed, settings

CASES = int(os.environ.get("FUZZ_CASES") or 0)
SEED = int(os.environ.get("FUZZ_SEED") or 1)
_UNHURRIED = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture)


class Tally:
    """The number of cases tried in this process."""

    cases = 0


def effort(quick: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Set the number of cases in `make test` and count them. Stands below `given`."""

    def decorate(test: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(test)
        def counted(*arguments: Any, **named: Any) -> None:
            Tally.cases += 1
            test(*arguments, **named)

        if not CASES:
            return settings(
                max_examples=quick,
                derandomize=True,
                database=None,
                deadline=None,
                suppress_health_check=_UNHURRIED,
            )(counted)
        return seed(SEED)(
            settings(
                max_examples=CASES, database=None, deadline=None, suppress_health_check=_UNHURRIED
            )(counted)
        )

    return decorate
