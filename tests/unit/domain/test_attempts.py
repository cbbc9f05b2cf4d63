"""How many attempts fit into a step's timeout: the planner makes as many, and never fewer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flamebot.actions.registry import REGISTRY
from flamebot.adapters.definition_files.reader import read_definitions
from flamebot.domain.attempts import attempt_warnings, attempts_that_fit
from flamebot.domain.backoff import RetryPolicy
from flamebot.domain.definition import Definition
from flamebot.domain.document import read_definition
from flamebot.domain.outcome import Retry
from flamebot.domain.plan import plan
from flamebot.domain.plan_context import GIVE_UP_AFTER
from flamebot.domain.task import Phase, Task
from flamebot.domain.task_random import TaskRandom
from tests.unit.domain.builders import (
    POLICY,
    Journey,
    a_definition,
    a_document,
    a_prompt,
    a_swipe,
    a_wait,
)
from tests.unit.domain.test_seeded_definitions import FOLDER

LENGTHS = st.one_of(
    st.integers(0, 5),
    st.integers(0, 10**7),
    st.sampled_from([1000, 30_000, "1m", "10m", "1h", "1d", "400d", "9999999d"]),
)


@dataclass(frozen=True, slots=True)
class Fixed(TaskRandom):
    """Random numbers that are all the same."""

    value: float = 0.0

    def fraction(self, *purpose: object) -> float:
        return self.value


def attempts(
    definition: Definition,
    fraction: float | None,
    *,
    phase: Phase = Phase.SUBMIT,
    requested: list[timedelta] | None = None,
) -> int:
    """Return how many attempts the planner makes if each fails at once.

    Args:
        definition: Its first step is an effect.
        fraction: Of the longest backoff. None: the task's own random numbers.
        phase: The step's first phase, whose attempts fail.
        requested: The waits that the service requests, one for each failure.
    """
    journey = Journey(definition)
    waits = list(requested or [])
    for made in range(1, 200):
        task = journey.waiting
        assert task.phase is phase
        retry = Retry(error="not_ready: 423", retry_after=waits.pop(0) if waits else None)
        journey.now = max(journey.now, task.scheduled_for)
        random = TaskRandom(task.task_id) if fraction is None else Fixed(task.task_id, fraction)
        decision = plan(
            definition, journey.instance, task, retry, journey.now, random, global_paused_ms=0
        )
        journey.apply(decision)
        if journey.task is None or _ended(journey.task, task):
            return made
    raise AssertionError("it never ends")


def _ended(after: Task, before: Task) -> bool:
    return after.step_id != before.step_id


@given(
    LENGTHS,
    LENGTHS,
    LENGTHS.filter(bool),
    st.integers(1, 100),
    st.none() | st.floats(0, 1, exclude_max=True),
    st.lists(st.integers(0, 3_600_000).map(lambda ms: timedelta(milliseconds=ms)), max_size=20),
    st.booleans(),
)
def test_the_planner_makes_as_many_attempts_as_are_said_to_fit(  # noqa: PLR0917  # drawn values
    base: Any,
    cap: Any,
    timeout: Any,
    most: int,
    fraction: float | None,
    requested: list[timedelta],
    generates: bool,
) -> None:
    """As many with the longest backoff; with shorter ones, or requested waits, not fewer."""
    step = (a_prompt if generates else a_swipe)(timeout=timeout, maxAttempts=most, critical=False)
    config = {"retryBackoffMs": base, "maxRetryDelayMs": cap}
    definition = a_definition(step, a_wait("rest"), config=config)
    phase = Phase.GENERATE if generates else Phase.SUBMIT
    fit = attempts_that_fit(definition.retry, definition.steps[0].timeout, most)
    longest = 1 - 2**-53
    assert attempts(definition, longest, phase=phase) == fit
    assert fit <= attempts(definition, fraction, phase=phase) <= most
    assert sum(requested, timedelta()) <= GIVE_UP_AFTER
    assert fit <= attempts(definition, fraction, phase=phase, requested=requested) <= most


@pytest.mark.parametrize(
    ("base", "cap", "timeout", "most", "fit"),
    [
        ("1d", "1d", "1s", 4, 2),
        ("1d", "1d", "1s", 2, 2),
        ("1d", "1d", "1s", 1, 1),
        ("30s", "5m", "10m", 3, 3),
        ("1h", "1d", "2h", 4, 3),
        ("1h", "1d", "3h", 4, 3),
        ("1h", "1d", "181m", 4, 4),
        (0, 0, 1, 100, 100),
    ],
)
def test_the_last_attempt_is_made_at_the_deadline(
    base: Any, cap: Any, timeout: Any, most: int, fit: int
) -> None:
    """A backoff that is too long is cut, so there is a second attempt in any case."""
    definition = a_definition(
        a_swipe(timeout=timeout, maxAttempts=most),
        config={"retryBackoffMs": base, "maxRetryDelayMs": cap},
    )
    assert attempts_that_fit(definition.retry, definition.steps[0].timeout, most) == fit


def warnings(*steps: Any, **members: Any) -> list[tuple[str, str]]:
    """Return the warnings of a valid definition."""
    document = a_document(*steps, **members)
    definition, issues = read_definition(document, REGISTRY, POLICY)
    assert definition is not None, issues
    return [(one.pointer, one.detail) for one in attempt_warnings(definition, document)]


def test_a_backoff_that_is_too_long_is_a_warning() -> None:
    """It names the step, the number of attempts that fit, and what to change."""
    config = {"retryBackoffMs": "1d", "maxRetryDelayMs": "2d", "maxRetries": 4}
    steps = [a_wait(timeout="1s"), a_swipe(timeout="1s"), a_prompt(), a_swipe("s", timeout="400d")]
    (swipe, prompt) = warnings(*steps, config=config)
    sentence = (
        "Of 5 attempts only 2 fit into the timeout of 1s if each fails at once and each backoff is"
        " the longest (up to 2d). Raise the timeout, or lower retryBackoffMs or maxRetryDelayMs."
    )
    assert swipe == ("/steps/1/timeout", sentence)
    assert prompt[0] == "/steps/2"
    assert "timeout of 10m" in prompt[1]


def test_what_fits_has_no_warning() -> None:
    """The engine's own backoff fits into its own timeouts, and into every shipped definition's."""
    assert warnings(a_wait(), a_swipe(), a_prompt()) == []
    assert warnings(a_swipe(timeout="1s", maxAttempts=2), config={"retryBackoffMs": "1d"}) == []
    for document in read_definitions(FOLDER):
        assert warnings(*document["steps"], config=document.get("config", {})) == []


@given(st.timedeltas(timedelta(), timedelta(days=9)), st.timedeltas(timedelta(), timedelta(days=9)))
def test_a_longer_timeout_never_has_fewer_attempts(base: timedelta, timeout: timedelta) -> None:
    """A warning's advice helps."""
    policy = RetryPolicy(max_attempts=9, base=base, cap=timedelta(days=1))
    moment = timedelta(microseconds=1)
    assert attempts_that_fit(policy, timeout + moment, 9) <= attempts_that_fit(
        policy, 2 * timeout + moment, 9
    )
