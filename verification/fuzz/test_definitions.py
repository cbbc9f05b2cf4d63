"""Definitions of every kind: an accepted one runs to an end.

A refused one names each issue and changes nothing.
"""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import definition_file
from flamebot.actions.registry import REGISTRY
from flamebot.adapters.definition_files.writer import write_yaml
from flamebot.adapters.postgres.rows import decision_json, to_json
from flamebot.domain.document import bind_definition, read_definition
from flamebot.domain.errors import ValidationIssue
from flamebot.domain.ids import DefinitionId
from flamebot.domain.storable import unstorable
from tests.security.front import Front
from tests.unit.domain.builders import POLICY, Journey
from verification.fuzz.documents import JSON, definitions, spoiled
from verification.fuzz.effort import effort

POINTER = re.compile(r"(/([^~/]|~[01])*)*", re.DOTALL)
STEPS = 60  # of a run: an endless loop has iterated by then
_types = itertools.count(1)


def assert_described(issues: list[ValidationIssue], document: Any) -> None:
    """Assert that each issue has a sentence and a pointer that resolves."""
    assert issues
    for issue in issues:
        assert POINTER.fullmatch(issue.pointer), issue
        assert issue.detail.endswith((".", "?")), issue
        place = document
        parts = [
            part.replace("~1", "/").replace("~0", "~") for part in issue.pointer.split("/")[1:]
        ]
        for part in parts[:-1]:
            place = (
                place[int(part)]
                if isinstance(place, list)
                else place[part]
                if isinstance(place, dict)
                else None
            )
            assert place is not None, issue


@given(st.one_of(definitions(), spoiled(definitions()), JSON))
@effort(150)
def test_any_document_is_read_or_has_issues(document: Any) -> None:
    """Any document gives a definition or issues with pointers.

    An accepted one can be stored and bound again.
    """
    definition, issues = read_definition(document, REGISTRY, POLICY)
    assert (definition is None) == bool(issues)
    if definition is None:
        if not unstorable(document) and isinstance(document, dict):
            assert_described(issues, document)
        return
    stored = {**json.loads(to_json(document)), "version": 1}
    again = bind_definition(stored, REGISTRY, POLICY, DefinitionId(1))
    assert [step.id for step in again.steps] == [step.id for step in definition.steps]


@given(definitions(), st.booleans())
@effort(80)
def test_what_is_taken_runs_to_an_end_or_on_and_on(document: dict[str, Any], late: bool) -> None:
    """Each of sixty decisions can be written, and a definition without a loop ends.

    No decision goes back in time.
    """
    definition, _ = read_definition(document, REGISTRY, POLICY)
    if definition is None:
        return
    journey = Journey(definition)
    for _ in range(STEPS):
        if journey.task is None:
            break
        before = journey.now
        decision = journey.succeed()
        assert journey.now >= before
        to_json(decision_json(decision))
    loops = any(step["action"] == "goto" for step in document["steps"])
    assert journey.task is None or loops
    assert journey.task is not None or journey.instance.status.value in ("completed", "failed")


def put(front: Front, type_: str, document: Any) -> Any:
    """Publish a definition over HTTP."""
    body = json.dumps(document).encode()
    headers = {"if-none-match": "*", "content-type": "application/json"}
    return front.api.put(f"/v1/definitions/{type_}", content=body, headers=headers)


def stored(front: Front) -> tuple[int, int]:
    """Return definitions and audit rows."""
    row = front.database.one(
        "select (select count(*) from workflow_definitions) as rows,"
        " (select count(*) from audit_log) as audits"
    )
    return row["rows"], row["audits"]


@given(st.data())
@effort(40)
def test_publishing_stores_it_or_nothing(front: Front, data: st.DataObject) -> None:
    """Over HTTP a definition is 201 and readable, or 4xx with pointers and no new row.

    The validator gives the same result beforehand.
    """
    type_ = f"f{next(_types)}"
    document = data.draw(st.one_of(definitions(type_), spoiled(definitions(type_)), JSON))
    before = stored(front)
    valid = front.api.post(
        "/v1/definitions/validate",
        content=json.dumps(document).encode(),
        headers={"content-type": "application/json"},
    )
    answer = put(front, type_, document)
    assert answer.status_code in (201, 400, 422), answer.text
    if valid.status_code == 200 and not valid.json()["valid"]:
        assert answer.status_code == 422
    if answer.status_code == 201:
        assert stored(front) == (before[0] + 1, before[1] + 1)
        shown = front.api.get(f"/v1/definitions/{type_}").raise_for_status().json()
        assert shown["steps"] == json.loads(json.dumps(document["steps"]))
        (result,) = front.load(
            {"accountId": type_, "modelId": "m", "channelId": "c"}, start=True, workflow_type=type_
        )
        assert result["workflow"]["status"] == "started"
        assert front.api.get(f"/v1/workflows/{result['workflow']['instanceId']}").status_code == 200
    else:
        assert stored(front) == before
        assert answer.status_code == 400 or answer.json()["errors"]


@given(st.data())
@effort(30)
def test_file_and_request_publish_the_same(
    front: Front, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """What was published by a request is no new version from its JSON or its YAML file.

    Nor is it one from what `definitions show` prints.
    """
    type_ = f"f{next(_types)}"
    document = data.draw(definitions(type_))
    published = put(front, type_, document)
    if published.status_code != 201:
        return
    shown = front.api.get(f"/v1/definitions/{type_}").raise_for_status().json()
    authors = {name: shown[name] for name in ("type", "name", "description", "config", "steps")}
    folder = tmp_path_factory.mktemp("files")
    files = {
        "a.json": json.dumps(document, indent="\t", ensure_ascii=data.draw(st.booleans())),
        "a.yaml": write_yaml(document),
        "shown.yaml": write_yaml(authors),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
        again = front.api.put(
            f"/v1/definitions/{type_}",
            content=json.dumps(definition_file.read(folder / name).document).encode(),
            headers={"if-match": "*", "content-type": "application/json"},
        )
        assert (again.status_code, again.json().get("version")) == (200, 1), again.text
        assert again.json()["steps"] == shown["steps"]


@pytest.mark.parametrize("steps", [200, 201])
def test_the_largest_definition(steps: int) -> None:
    """The largest number of steps with every field is accepted; one more step is refused."""
    step = {
        "action": "swipe_with_spectre",
        "swipeCount": {"min": 1, "max": 300},
        "delay": "9d",
        "description": "d" * 900,
    }
    document = {
        "type": "large",
        "name": "x" * 200,
        "steps": [{"id": f"s{number}", **step} for number in range(steps)],
    }
    definition, issues = read_definition(document, REGISTRY, POLICY)
    assert (definition is not None) == (steps == 200), issues
