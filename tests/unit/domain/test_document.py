"""Reading definitions: all issues at once, each with its pointer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flamebot.actions.registry import REGISTRY
from flamebot.domain.document import bind_definition, read_definition
from flamebot.domain.errors import Invalid
from flamebot.domain.ids import DefinitionId
from flamebot.domain.step import EffectStep, PureStep
from tests.unit.domain.builders import (
    POLICY,
    a_definition,
    a_document,
    a_goto,
    a_prompt,
    a_swipe,
    a_wait,
)


def pointers(document: object) -> list[str]:
    """Return the pointers of a document's issues."""
    return [issue.pointer for issue in read_definition(document, REGISTRY, POLICY)[1]]


def test_a_definition_is_bound_to_its_actions() -> None:
    """The defaults are the engine's; by default effects are critical and pure steps are not."""
    definition = a_definition(
        a_wait(), a_prompt(), a_swipe(timeout="1h", critical=False, maxAttempts=7, description="x")
    )
    wait, prompt, swipe = definition.steps
    assert isinstance(wait, PureStep)
    assert (wait.critical, wait.delay.min) == (False, timedelta(seconds=30))
    assert isinstance(prompt, EffectStep)
    assert (prompt.critical, prompt.timeout) == (True, timedelta(minutes=10))
    assert (swipe.timeout, swipe.critical, swipe.description) == (timedelta(hours=1), False, "x")
    assert a_definition(a_swipe()).steps[0].timeout == timedelta(hours=2)
    assert [definition.max_attempts(step) for step in definition.steps] == [3, 3, 7]
    assert definition.step_index("swipe") == 2
    assert definition.total_steps == 3


def test_the_configuration_beats_the_engine() -> None:
    """The member maxRetries counts the attempts after the first one."""
    retry = a_definition(
        a_swipe(), config={"maxRetries": 0, "retryBackoffMs": 5, "maxRetryDelayMs": "1m"}
    ).retry
    assert (retry.max_attempts, retry.base, retry.cap) == (
        1,
        timedelta(milliseconds=5),
        timedelta(minutes=1),
    )


def test_all_issues_are_found_at_once() -> None:
    """Each issue has a JSON pointer and a sentence."""
    document = {
        "type": "No Spaces",
        "nam": "x",
        "description": 5,
        "config": {"maxRetries": -1, "retryBackoffMs": "soon", "colour": 1},
        "steps": [
            {"id": "a", "action": "wiat"},
            {"id": "a", "action": "swipe_with_spectre", "swipecount": 3, "delay": -1},
            {
                "id": "g",
                "action": "goto",
                "nextStep": "nowhere",
                "maxIterations": 0,
                "timeout": 0,
                "critical": "yes",
                "maxAttempts": "3",
            },
            5,
            {"action": "wait"},
            {"id": "t", "action": "add_prompt", "text": "x" * 301},
            {"id": "h", "action": "goto", "nextStep": "nowhere", "maxIterations": 2},
        ],
    }
    assert sorted(pointers(document)) == sorted(
        [
            "/nam",
            "/type",
            "/name",
            "/description",
            "/config/maxRetries",
            "/config/retryBackoffMs",
            "/config/colour",
            "/steps/0/action",
            "/steps/1/id",
            "/steps/1/swipecount",
            "/steps/1/swipeCount",
            "/steps/1/delay",
            "/steps/2/maxIterations",
            "/steps/2/timeout",
            "/steps/2/critical",
            "/steps/2/maxAttempts",
            "/steps/3",
            "/steps/4/id",
            "/steps/5/text",
            "/steps/6/nextStep",
        ]
    )


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("yes", ' "yes" is a text: write true, without quotes.'),
        ("Off", ' "Off" is a text: write false, without quotes.'),
        ("true", ' "true" is a text: write true, without quotes.'),
        ("maybe", ""),
        (1, ""),
        (None, None),
    ],
)
def test_a_boolean_of_yaml_1_1_has_advice(written: object, advice: str | None) -> None:
    """YAML 1.2 reads yes, on, no and off as texts, and the issue says what to write."""
    issues = read_definition(a_document(a_swipe(critical=written)), REGISTRY, POLICY)[1]
    expected = [] if advice is None else [("/steps/0/critical", "Must be true or false." + advice)]
    assert [(issue.pointer, issue.detail) for issue in issues] == expected


@pytest.mark.parametrize("name", ["quietHours", "dailyCaps"])
def test_what_is_not_enforced_is_refused(name: str) -> None:
    """A limit that is not enforced must not be accepted."""
    (issue,) = read_definition(a_document(a_swipe(), config={name: {}}), REGISTRY, POLICY)[1]
    assert issue.pointer == f"/config/{name}"
    assert issue.detail.startswith("not_supported")


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "x",
        5,
        {},
        {"type": "x", "name": "x"},
        {"type": "x", "name": "x", "steps": []},
        {"type": "x", "name": "x", "steps": {}},
    ],
)
def test_what_is_no_definition_is_refused(document: object) -> None:
    """A definition is an object with a type, a name and steps."""
    assert pointers(document)


def test_two_hundred_steps_are_the_limit() -> None:
    """A definition with 201 steps is refused."""
    steps = [a_wait(f"w{index}") for index in range(201)]
    assert pointers(a_document(*steps[:200])) == []
    assert pointers(a_document(*steps)) == ["/steps"]


def test_256_kb_are_the_limit() -> None:
    """The size is in bytes of JSON, and a larger document has this issue only."""
    document = a_document(a_swipe(spectre={"note": "ü" * 131_072}))
    assert pointers(document) == [""]


def test_a_document_that_cannot_be_stored_is_refused() -> None:
    """This rule is checked before all others."""
    assert pointers(a_document(a_swipe(spectre={"x": "\x00"}))) == ["/steps/0/spectre/x"]


def test_a_pointer_is_escaped() -> None:
    """RFC 6901 escapes ~ and / in names."""
    assert pointers({**a_document(a_wait()), "a/b~c": 1}) == ["/a~1b~0c"]


def test_a_stored_version_is_bound_though_rules_have_changed() -> None:
    """I11: a published version stays valid, also if it would be refused today."""
    document = {
        **a_document(a_swipe(), a_goto("swipe")),
        "id": 7,
        "version": 3,
        "is_active": True,
        "config": {},
        "description": "",
    }
    definition = bind_definition(document, REGISTRY, POLICY, DefinitionId(7))
    assert (definition.definition_id, definition.version, definition.total_steps) == (7, 3, 2)


def test_a_stored_text_is_not_checked_again() -> None:
    """I11: newer rules for texts apply to new versions only."""
    document = a_document({"id": "bio", "action": "add_bio", "bio": "see www.example.org"})
    assert pointers(document) == ["/steps/0/bio"]
    assert (
        bind_definition({**document, "version": 1}, REGISTRY, POLICY, DefinitionId(7)).total_steps
        == 1
    )


def test_a_stored_version_whose_action_is_gone_cannot_be_bound() -> None:
    """The error names the version and the missing action."""
    with pytest.raises(Invalid) as caught:
        bind_definition(
            {**a_document({"id": "x", "action": "gone"}), "version": 1},
            REGISTRY,
            POLICY,
            DefinitionId(7),
        )
    assert caught.value.issues[0].pointer == "/steps/0/action"


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
almost = st.fixed_dictionaries(
    {
        "type": st.just("x") | anything,
        "name": st.just("X") | anything,
        "steps": st.lists(
            st.dictionaries(
                st.sampled_from(
                    [
                        "id",
                        "delay",
                        "nextStep",
                        "maxIterations",
                        "swipeCount",
                        "minSwipes",
                        "text",
                        "bio",
                        "critical",
                    ]
                ),
                anything,
                max_size=5,
            ).flatmap(
                lambda fields: st.sampled_from(sorted(REGISTRY)).map(
                    lambda action: {**fields, "action": action}
                )
            )
            | anything,
            max_size=4,
        ),
    },
    optional={
        "config": st.dictionaries(st.sampled_from(["maxRetries", "retryBackoffMs"]), anything)
        | anything
    },
)


@given(anything | almost)
def test_any_document_is_read_or_refused(document: object) -> None:
    """There is either a definition or an issue, for any document."""
    definition, issues = read_definition(document, REGISTRY, POLICY)
    assert (definition is None) == bool(issues)
    assert all(issue.pointer == "" or issue.pointer.startswith("/") for issue in issues)
    assert all(issue.detail.endswith((".", "?")) for issue in issues), issues
