"""The graph of a definition: dead ends, dead steps and spinning loops."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flamebot.actions.registry import REGISTRY
from flamebot.domain.document import read_definition
from flamebot.domain.errors import ValidationIssue
from flamebot.domain.graph import Node, graph_issues
from tests.unit.domain.builders import POLICY, Fields, a_document, a_goto, a_prompt, a_swipe, a_wait


def issues_of(*steps: Fields) -> list[ValidationIssue]:
    """What is wrong with a definition of these steps."""
    return read_definition(a_document(*steps), REGISTRY, POLICY)[1]


def test_a_jump_to_nowhere_is_refused() -> None:
    """The pointer is the field's, and the nearest id is offered."""
    (issue,) = issues_of(a_swipe("swipe"), a_goto("swip", delay="1m"))
    assert issue.pointer == "/steps/1/nextStep"
    assert 'Did you mean "swipe"?' in issue.detail


def test_a_step_that_nothing_reaches_is_refused() -> None:
    """What stands behind an endless jump is dead."""
    (issue,) = issues_of(a_wait(), a_goto("wait"), a_swipe())
    assert issue.pointer == "/steps/2"
    assert "leads to this step" in issue.detail


def test_a_jump_with_a_limit_counts_as_able_to_fall_through() -> None:
    """Whatever it does at its limit."""
    assert issues_of(a_wait(), a_goto("wait", maxIterations=1), a_swipe()) == []
    assert issues_of(a_wait(), a_goto("wait", maxIterations=1, onLimit="fail"), a_swipe()) == []


def test_a_step_that_is_jumped_to_is_reached() -> None:
    """An endless jump may skip steps that another jump leads to."""
    assert (
        issues_of(
            a_goto("second", "skip"),
            a_swipe("first", delay="1m"),
            a_swipe("second"),
            a_goto("first"),
        )
        == []
    )


@pytest.mark.parametrize(
    "steps",
    [
        [a_swipe(), a_goto("swipe")],
        [a_swipe(), a_goto("swipe", maxIterations=3)],
        [a_wait(delay=0), a_goto("wait")],
        [a_swipe(delay={"min": 0, "max": "1h"}), a_goto("swipe")],
        [a_wait(), a_prompt(), a_swipe(), a_goto("prompt")],
        [
            a_swipe("a"),
            a_goto("c", "to-c"),
            a_swipe("b"),
            a_goto("a", "to-a"),
            a_wait("c", delay=0),
            a_goto("b", "to-b"),
        ],
    ],
)
def test_a_loop_that_could_spin_without_any_delay_is_refused(steps: list[Fields]) -> None:
    """Endless or with a limit: a range that starts at zero is no delay either."""
    assert any("without any delay" in issue.detail for issue in issues_of(*steps))


@pytest.mark.parametrize(
    "steps",
    [
        [a_swipe(), a_goto("swipe", delay=1)],
        [a_swipe(delay="1s"), a_goto("swipe")],
        [a_swipe(), a_wait(), a_goto("swipe")],
        [a_swipe("a"), a_goto("b", delay="1s", maxIterations=2), a_swipe("b")],
        [
            a_swipe("a"),
            a_goto("c", "to-c", delay=1),
            a_swipe("b"),
            a_goto("a", "to-a"),
            a_wait("c", delay=0),
            a_goto("b", "to-b"),
        ],
    ],
)
def test_a_loop_with_a_delay_anywhere_in_it_is_accepted(steps: list[Fields]) -> None:
    """On the jump, on a step, or as a wait of its own."""
    assert issues_of(*steps) == []


def test_a_loop_of_jumps_alone_is_refused_whatever_its_delays() -> None:
    """Their delays are waited for at their targets, and there is none that waits."""
    assert "jumps alone" in issues_of(a_wait(), a_goto("loop", delay="1h"))[0].detail
    assert (
        "jumps alone"
        in issues_of(a_goto("b", "a", delay="1h"), a_goto("a", "b", delay="1h"))[0].detail
    )


def test_a_step_that_could_not_be_read_is_not_blamed() -> None:
    """Who has one error to correct is not told of three."""
    issues = issues_of(
        a_wait(),
        {"id": "oops", "action": "goto", "nextStep": "last", "infiniteAllowed": "yes"},
        a_swipe("last"),
    )
    assert [issue.pointer for issue in issues] == [
        "/steps/1/infiniteAllowed",
        "/steps/1/maxIterations",
    ]


nodes = st.lists(
    st.builds(
        Node,
        id=st.sampled_from([None, "0", "1", "2", "3", "4"]),
        targets=st.lists(st.sampled_from(["0", "1", "2", "3", "9"]), max_size=2).map(tuple),
        falls_through=st.booleans(),
        delayed=st.booleans(),
        known=st.booleans(),
    ),
    max_size=6,
)


@given(nodes)
def test_any_graph_is_judged(graph: list[Node]) -> None:
    """Judging ends, and gives the same answer twice."""
    assert graph_issues(graph) == graph_issues(graph)
