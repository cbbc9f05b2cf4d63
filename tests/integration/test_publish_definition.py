"""publish_definition: changed content is a new version, if the precondition holds."""

from __future__ import annotations

from typing import Any

import pytest

from flamebot.adapters.postgres.rows import to_json
from flamebot.domain.errors import PreconditionFailed
from flamebot.ports.admin_store import ANY_VERSION, FIRST_VERSION, Precondition, follows
from tests.support.builders import STEPS
from tests.support.databases import TestDatabase, start
from tests.support.stores import ALICE, audit, control

DOCUMENT: dict[str, Any] = {
    "type": "mine",
    "name": "Mine",
    "description": "d",
    "config": {"maxRetries": 2},
    "steps": STEPS,
}


def test_the_first_version_is_one(database: TestDatabase) -> None:
    """The first version is 1, with its id and its publisher."""
    published = control(database).publish_definition(DOCUMENT, FIRST_VERSION, ALICE)
    assert {name: published[name] for name in DOCUMENT} == DOCUMENT
    assert (published["version"], published["created_by"]) == (1, "alice")
    assert control(database).current_definition("mine") == published
    assert control(database).definition_document(published["id"])["steps"] == STEPS


def test_another_content_is_another_version(database: TestDatabase) -> None:
    """Changed content is a new version; the old row stays for its instances (I11)."""
    first = control(database).publish_definition(DOCUMENT, FIRST_VERSION, ALICE)
    second = control(database).publish_definition({**DOCUMENT, "name": "Ours"}, follows(1), ALICE)
    assert (second["version"], second["name"]) == (2, "Ours")
    assert control(database).definition_document(first["id"])["name"] == "Mine"
    assert control(database).current_definition("mine")["id"] == second["id"]


@pytest.mark.parametrize(
    "expected",
    [follows(1), follows(7), follows()],
    ids=["1", "7", "no number"],
)
def test_the_same_content_is_no_new_version(database: TestDatabase, expected: Precondition) -> None:
    """The current content again returns the current version, whichever versions are expected."""
    first = control(database).publish_definition(DOCUMENT, FIRST_VERSION, ALICE)
    assert (
        control(database).publish_definition(dict(reversed(DOCUMENT.items())), expected, ALICE)
        == first
    )
    assert len(audit(database, "publish_definition")) == 1


def test_a_first_version_is_refused_where_one_exists(database: TestDatabase) -> None:
    """If no version may exist, an existing one is named in the refusal, its content included."""
    control(database).publish_definition(DOCUMENT, FIRST_VERSION, ALICE)
    for document in (DOCUMENT, {**DOCUMENT, "name": "Ours"}):
        with pytest.raises(PreconditionFailed, match="already: version 1"):
            control(database).publish_definition(document, FIRST_VERSION, ALICE)
    assert len(audit(database, "publish_definition")) == 1


def test_defaults_are_content_too(database: TestDatabase) -> None:
    """A missing description or config equals an empty one."""
    bare = {"type": "mine", "name": "Mine", "steps": STEPS}
    published = control(database).publish_definition(bare, FIRST_VERSION, ALICE)
    assert (published["description"], published["config"]) == ("", {})
    assert (
        control(database).publish_definition(
            {**bare, "description": "", "config": {}}, follows(1), ALICE
        )["version"]
        == 1
    )


@pytest.mark.parametrize(
    "expected", [FIRST_VERSION, follows(2), follows()], ids=["none", "2", "no number"]
)
def test_who_expects_another_version_is_refused(
    database: TestDatabase, expected: Precondition
) -> None:
    """A precondition that does not hold is refused, and nothing is published."""
    control(database).publish_definition(DOCUMENT, FIRST_VERSION, ALICE)
    with pytest.raises(PreconditionFailed):
        control(database).publish_definition({**DOCUMENT, "name": "Ours"}, expected, ALICE)
    assert control(database).current_definition("mine")["version"] == 1


@pytest.mark.parametrize(
    "expected", [follows(1), follows(), ANY_VERSION], ids=["1", "no number", "any"]
)
def test_a_type_that_is_not_there_has_no_version_to_expect(
    database: TestDatabase, expected: Precondition
) -> None:
    """A new type is not published under a precondition that expects a current version."""
    with pytest.raises(PreconditionFailed):
        control(database).publish_definition(DOCUMENT, expected, ALICE)


def test_the_audit_log_tells_the_versions(database: TestDatabase) -> None:
    """The audit log has the version before and after, and the actor."""
    control(database).publish_definition(DOCUMENT, FIRST_VERSION, ALICE)
    control(database).publish_definition({**DOCUMENT, "name": "Ours"}, follows(1), ALICE)
    rows = audit(database, "publish_definition")
    assert [(row["subject"], row["before"], row["after"]) for row in rows] == [
        ("definition/mine/1", None, {"version": 1}),
        ("definition/mine/2", {"version": 1}, {"version": 2}),
    ]
    assert {row["actor"] for row in rows} == {"alice"}


@pytest.mark.parametrize(
    "expected", [follows(1), follows(7, 1), ANY_VERSION], ids=["1", "7 or 1", "any"]
)
def test_who_expects_the_current_version_replaces_it(
    database: TestDatabase, expected: Precondition
) -> None:
    """One of several expected versions is enough, and any version may be expected."""
    control(database).publish_definition(DOCUMENT, FIRST_VERSION, ALICE)
    second = control(database).publish_definition({**DOCUMENT, "name": "Ours"}, expected, ALICE)
    assert second["version"] == 2


@pytest.mark.race
@pytest.mark.parametrize("same", [True, False])
def test_publishers_at_once_take_turns(database: TestDatabase, same: bool) -> None:
    """The second publisher reads the first one's version: it gets it or is refused."""
    control(database).publish_definition(DOCUMENT, FIRST_VERSION, ALICE)
    ours = {**DOCUMENT, "name": "Ours"}
    publish = "select publish_definition(%s, true, '{1}', %s, null) as answer"
    one, two = database.session(), database.session()
    one.begin()
    one.rows(publish, (to_json(ours), "a"))
    theirs = ours if same else {**DOCUMENT, "name": "Theirs"}
    waiting = start(lambda: two.one(publish, (to_json(theirs), "b")))
    database.until_blocked(two)
    one.commit()
    if same:
        assert waiting.result()["answer"]["version"] == 2
    else:
        with pytest.raises(Exception, match="current version is 2"):
            waiting.result()
    assert database.value("select count(*) from workflow_definitions where type = 'mine'") == 2
