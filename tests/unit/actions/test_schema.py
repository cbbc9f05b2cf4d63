"""The JSON Schema of definitions agrees with the reader, as far as a schema can."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from flamebot.actions.registry import REGISTRY
from flamebot.actions.schema import definition_schema
from flamebot.domain.document import read_definition
from tests.unit.domain.builders import POLICY, a_document, a_goto, a_prompt, a_swipe, a_wait

VALIDATOR = Draft202012Validator(definition_schema())


def test_it_is_a_schema_of_draft_2020_12() -> None:
    """It is valid and has one definition per action."""
    schema = definition_schema()
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(schema["$defs"]) == set(REGISTRY)


GOOD: list[dict[str, Any]] = [
    a_document(
        a_wait(delay=5),
        a_prompt(text="Hello."),
        a_swipe(),
        description="x",
        config={"maxRetries": 2, "retryBackoffMs": "5s"},
    ),
    a_document(a_swipe(delay={"min": "30m", "max": "PT1H"}), a_goto("swipe")),
    a_document(
        a_swipe(delay="P1DT2H"),
        a_goto("swipe", maxIterations=3, onLimit="fail", infiniteAllowed=False),
    ),
    a_document(
        {
            "id": "s",
            "action": "swipe_with_spectre",
            "minSwipes": 1,
            "maxSwipes": 300,
            "spectre": {"a": [1]},
            "timeout": "1h",
            "maxAttempts": 5,
        }
    ),
    a_document({"id": "b", "action": "add_bio", "critical": False, "description": "why"}),
]
BAD: list[Any] = [
    [],
    {"name": "x", "steps": [a_wait()]},
    {"type": "x", "steps": [a_wait()]},
    a_document(),
    a_document(a_wait(), type="No"),
    a_document(a_wait(), name=" "),
    a_document(a_wait(), version=3),
    a_document(a_wait(), config={"maxRetries": -1}),
    a_document(a_wait(), config={"quietHours": {}}),
    a_document(a_wait(), config={"retryBackoffMs": {"min": 1, "max": 2}}),
    a_document(a_wait(delay=-1)),
    a_document(a_wait(delay="1y")),
    a_document(a_wait(delay={"min": 1})),
    a_document(a_wait("bad id")),
    a_document(a_wait(nextStep="x")),
    a_document({"id": "x", "action": "nothing"}),
    a_document(a_swipe(), a_goto("swipe", delay=1, maxIterations=0)),
    a_document(a_swipe(), {"id": "g", "action": "goto", "nextStep": "swipe", "delay": 1}),
    a_document(a_swipe(), a_goto("swipe", delay=1, maxIterations=3, infiniteAllowed=True)),
    a_document(a_swipe(swipeCount=301)),
    a_document(a_swipe(minSwipes=1, maxSwipes=2)),
    a_document({"id": "s", "action": "swipe_with_spectre"}),
    a_document({"id": "s", "action": "swipe_with_spectre", "minSwipes": 3}),
    a_document(a_prompt(text="x" * 301)),
    a_document(a_prompt(maxAttempts=0)),
]


@pytest.mark.parametrize("document", GOOD)
def test_what_is_accepted_fits_the_schema(document: Any) -> None:
    """A definition that the reader accepts is valid by the schema."""
    assert read_definition(document, REGISTRY, POLICY)[1] == []
    assert list(VALIDATOR.iter_errors(document)) == []


@pytest.mark.parametrize("document", BAD)
def test_what_the_schema_refuses_is_refused(document: Any) -> None:
    """A definition that the schema refuses is refused by the reader."""
    assert read_definition(document, REGISTRY, POLICY)[1] != []
    assert list(VALIDATOR.iter_errors(document)) != []
