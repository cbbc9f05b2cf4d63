"""Seeding publishes new and changed definitions, and never replaces an operator's version."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flamebot.adapters.clock.system import SystemClock
from flamebot.adapters.postgres.admin_store import PostgresAdminStore
from flamebot.domain.errors import Invalid, UnknownWorkflowType, ValidationIssue
from flamebot.ports.admin_store import Caller, follows
from flamebot.services.definitions.seed import seed_definitions
from tests.support.databases import TestDatabase

DOCUMENT: dict[str, Any] = {
    "type": "seeded",
    "name": "Seeded",
    "steps": [{"id": "wait", "action": "wait", "delay": "30s"}],
}


def _sound(document: object) -> list[ValidationIssue]:
    return (
        []
        if isinstance(document, dict) and document.get("steps")
        else [ValidationIssue("/steps", "Must not be empty.")]
    )


@pytest.fixture
def store(database: TestDatabase) -> PostgresAdminStore:
    """Return the admin store, called as the owner, as migrate does."""
    return PostgresAdminStore(
        database.db, SystemClock(), horizon=timedelta(seconds=120), lease=timedelta(seconds=90)
    )


def test_a_new_type_is_published_and_stays_as_it_is(store: PostgresAdminStore) -> None:
    """Seeding the same definitions again creates no second version."""
    assert seed_definitions(store, [DOCUMENT], _sound) == {"seeded": "published"}
    assert seed_definitions(store, [DOCUMENT], _sound) == {"seeded": "unchanged"}
    assert store.current_definition("seeded")["version"] == 1


def test_a_changed_seed_is_a_new_version(store: PostgresAdminStore) -> None:
    """A changed definition becomes a new version of its seeded type."""
    seed_definitions(store, [DOCUMENT], _sound)
    assert seed_definitions(store, [{**DOCUMENT, "description": "Now with words."}], _sound) == {
        "seeded": "published"
    }
    current = store.current_definition("seeded")
    assert (current["version"], current["description"]) == (2, "Now with words.")


def test_an_operators_version_is_left_alone(store: PostgresAdminStore) -> None:
    """A deployment leaves a version that was published over the API."""
    seed_definitions(store, [DOCUMENT], _sound)
    store.publish_definition({**DOCUMENT, "name": "Mine"}, follows(1), Caller(actor="operator"))
    assert seed_definitions(store, [{**DOCUMENT, "name": "The code's"}], _sound) == {
        "seeded": "left"
    }
    assert store.current_definition("seeded")["name"] == "Mine"


def test_one_bad_seed_publishes_none(store: PostgresAdminStore) -> None:
    """With one invalid definition the seeding fails with every issue and publishes nothing."""
    with pytest.raises(Invalid, match=r"'broken'.*: /steps: Must not be empty\."):
        seed_definitions(
            store, [DOCUMENT, {"type": "broken", "name": "Broken", "steps": []}], _sound
        )
    with pytest.raises(UnknownWorkflowType):
        store.current_definition("seeded")
