"""`goto`: jumps, up to a limit or without one."""

from __future__ import annotations

import pytest

from tests.unit.actions.builders import issues_of, pure


def test_a_jump_counts_under_its_own_id() -> None:
    """The counts of other jumps do not change."""
    transition = pure("goto", nextStep="a", maxIterations=2).transition(
        "step", {"other": 5, "step": 1}
    )
    assert transition.to == "a"
    assert transition.iterations == {"other": 5, "step": 2}
    assert transition.result == {"to": "a", "iteration": 2}


def test_at_its_limit_it_goes_on() -> None:
    """It continues with the next step and counts nothing."""
    transition = pure("goto", nextStep="a", maxIterations=2).transition("step", {"step": 2})
    assert (transition.to, transition.iterations, transition.failure) == (None, None, None)


def test_at_its_limit_it_may_fail() -> None:
    """With onLimit: fail the transition is a failure."""
    assert (
        pure("goto", nextStep="a", maxIterations=2, onLimit="fail")
        .transition("step", {"step": 2})
        .failure
        == "goto_limit: jumped 2 times to a"
    )


def test_an_endless_jump_never_falls_through() -> None:
    """Without a limit it jumps, however often it has jumped."""
    jump = pure("goto", nextStep="a", infiniteAllowed=True)
    assert jump.targets() == (("a",), False)
    assert jump.transition("step", {"step": 10**9}).to == "a"
    assert pure("goto", nextStep="a", maxIterations=1).targets() == (("a",), True)


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({}, ["/nextStep", "/maxIterations"]),
        ({"nextStep": "a"}, ["/maxIterations"]),
        ({"nextStep": "a", "infiniteAllowed": False}, ["/maxIterations"]),
        ({"nextStep": "a", "infiniteAllowed": True, "maxIterations": 1}, ["/maxIterations"]),
        ({"nextStep": "a", "maxIterations": 0}, ["/maxIterations"]),
        ({"nextStep": "a", "maxIterations": True}, ["/maxIterations"]),
        ({"nextStep": 5, "maxIterations": 1}, ["/nextStep"]),
        ({"nextStep": "a", "maxIterations": 1, "onLimit": "stop"}, ["/onLimit"]),
    ],
)
def test_a_jump_has_a_target_and_a_limit_or_none(
    fields: dict[str, object], pointers: list[str]
) -> None:
    """A jump has maxIterations or infiniteAllowed, not both."""
    assert [issue.pointer for issue in issues_of("goto", **fields)] == pointers
