"""How many attempts of a step fit into its timeout, and the warning if some do not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flamebot.domain.backoff import RetryPolicy
from flamebot.domain.definition import Definition
from flamebot.domain.duration import duration_text
from flamebot.domain.errors import ValidationIssue
from flamebot.domain.pointers import pointer
from flamebot.domain.step import EffectStep


def attempts_that_fit(policy: RetryPolicy, timeout: timedelta, most: int) -> int:
    """Return how many attempts are made if each fails at once and each backoff is the longest.

    A backoff is random, from zero to its upper bound, so more attempts may be made. Waits that the
    service requests extend the timeout, and are not counted here.

    Args:
        policy: The definition's rule for failed attempts.
        timeout: The step's; it starts with the outcome of the first attempt.
        most: The number of attempts that the step may have.
    """
    waited = timedelta()
    for attempt in range(1, most):
        # As in `failure.retried`: an attempt that fails at the deadline is the last one. One that
        # fails before it has another one, at the deadline at the latest.
        if waited >= timeout:
            return attempt
        waited += min(policy.longest(attempt), timeout - waited)
    return most


def attempt_warnings(definition: Definition, document: Mapping[str, Any]) -> list[ValidationIssue]:
    """Return a warning for each step whose timeout may end before its attempts are used up.

    Args:
        definition: A valid definition.
        document: The same as its author wrote it.
    """
    warnings = []
    for index, step in enumerate(definition.steps):
        most = definition.max_attempts(step)
        if not isinstance(step, EffectStep):
            continue
        fit = attempts_that_fit(definition.retry, step.timeout, most)
        if fit < most:
            field = ("timeout",) if "timeout" in document["steps"][index] else ()
            longest = duration_text(definition.retry.longest(most - 1))
            warnings.append(
                ValidationIssue(
                    pointer("steps", index, *field),
                    f"Of {most} attempts only {fit} fit into the timeout of"
                    f" {duration_text(step.timeout)} if each fails at once and each backoff is the"
                    f" longest (up to {longest}). Raise the timeout, or lower retryBackoffMs or"
                    " maxRetryDelayMs.",
                )
            )
    return warnings
