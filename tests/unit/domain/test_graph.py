"""The graph of a definition: unknown targets, unreachable steps, loops without a delay."""

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
    """Return the issues of a definition with these steps."""
    return read_definition(a_document(*steps), REGISTRY, POLICY)[1]


def test_a_jump_to_an_unknown_step_is_refused() -> None:
    """The pointer names the field, and the sentence the id that is most alike."""
    (issue,) = issues_of(a_swipe("swipe"), a_goto("swip", delay="1m"))
    assert issue.pointer == "/steps/1/nextStep"
    assert 'Did you mean "swipe"?' in issue.detail


def test_an_unreachable_step_is_refused() -> None:
    """A step after a jump without a limit needs another jump to it."""
    (issue,) = issues_of(a_wait(), a_goto("wait"), a_swipe())
    assert issue.pointer == "/steps/2"
    assert "cannot be reached" in issue.detail


def test_a_jump_with_a_limit_counts_as_able_to_fall_through() -> None:
    """Also if it fails at its limit: the graph does not depend on onLimit."""
    assert issues_of(a_wait(), a_goto("wait", maxIterations=1), a_swipe()) == []
    assert issues_of(a_wait(), a_goto("wait", maxIterations=1, onLimit="fail"), a_swipe()) == []


def test_a_step_that_is_jumped_to_is_reached() -> None:
    """A jump without a limit may skip steps that another jump leads to."""
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
def test_a_loop_that_may_repeat_without_a_delay_is_refused(steps: list[Fields]) -> None:
    """With or without a limit. A range that starts at zero does not count as a delay."""
    assert any("without a delay" in issue.detail for issue in issues_of(*steps))


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
    """The delay may be on the jump, on a step, or a wait."""
    assert issues_of(*steps) == []


def test_a_loop_of_jumps_only_is_refused_whatever_its_delays() -> None:
    """The delay of a jump is waited for at its target, and no target here waits."""
    assert "jumps only" in issues_of(a_wait(), a_goto("loop", delay="1h"))[0].detail
    assert (
        "jumps only"
        in issues_of(a_goto("b", "a", delay="1h"), a_goto("a", "b", delay="1h"))[0].detail
    )


def test_a_step_that_could_not_be_read_gets_no_issue_of_the_graph() -> None:
    """One error in a step does not cause further issues."""
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
def test_any_graph_is_validated(graph: list[Node]) -> None:
    """The validation of any graph ends, and twice with the same issues."""
    assert graph_issues(graph) == graph_issues(graph)
