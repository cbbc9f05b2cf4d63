"""A function gets the template's variables, the stack's own, and the operator's."""

from __future__ import annotations

from pathlib import Path

import pytest

from devstack.aws.environment import function_variables, overrides, step_concurrency
from devstack.aws.template import FunctionSpec

SPEC = FunctionSpec(
    name="step",
    logical_id="StepFunction",
    code=Path("/code"),
    handler="app.handler",
    timeout=60,
    memory=512,
    environment={"MAX_ATTEMPTS": "3", "ACTIONS_BASE_URL": "https://deployed"},
    layers=(),
    concurrency=None,
)


def test_the_operator_wins_over_the_stack_and_the_stack_over_the_template() -> None:
    """Each beats the one below it; what the template withholds the stack does not give."""
    stack = {
        "ACTIONS_BASE_URL": "http://local",
        "DATABASE_URL": "postgresql://x",
        "LOCK_TABLE": "none of its business",
    }
    variables = function_variables(SPEC, stack, {"MAX_ATTEMPTS": "5"}, endpoint="http://aws")
    assert variables["MAX_ATTEMPTS"] == "5"
    assert variables["ACTIONS_BASE_URL"] == "http://local"
    assert variables["DATABASE_URL"] == "postgresql://x"
    assert "LOCK_TABLE" not in variables
    assert variables["AWS_ENDPOINT_URL"] == "http://aws"


def test_the_operators_cloud_is_left_alone() -> None:
    """A database, a profile or a key of the operator's own never reaches a function."""
    env = {
        "DATABASE_URL": "x",
        "DB_HOST": "x",
        "AWS_PROFILE": "prod",
        "AWS_SECRET_ACCESS_KEY": "x",
        "MAX_RECLAIMS": "2",
        "POWERTOOLS_LOG_LEVEL": "DEBUG",
    }
    assert overrides(env) == {"MAX_RECLAIMS": "2", "POWERTOOLS_LOG_LEVEL": "DEBUG"}


@pytest.mark.parametrize(
    ("operators", "threads", "expected"),
    [
        ({}, 5, (2, 5)),
        ({"MAX_CONCURRENT_TASKS": "10"}, 5, (2, 5)),
        ({"MAX_CONCURRENT_TASKS": "3"}, 5, (1, 3)),
        ({"MAX_CONCURRENT_TASKS": "40"}, 5, (8, 5)),
    ],
)
def test_effects_at_once_are_limited(
    operators: dict[str, str], threads: int, expected: tuple[int, int]
) -> None:
    """MAX_CONCURRENT_TASKS is invocations times threads, and never exceeded."""
    assert step_concurrency(2, operators, threads) == expected
