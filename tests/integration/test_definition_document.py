"""definition_document returns one version as it was published."""

from __future__ import annotations

import pytest

from flamebot.adapters.postgres.engine_store import PostgresEngineStore
from flamebot.domain.errors import NotFound
from flamebot.domain.ids import DefinitionId
from tests.support.builders import STEPS, a_definition
from tests.support.databases import TestDatabase


def test_document_is_returned_as_published(
    database: TestDatabase, store: PostgresEngineStore
) -> None:
    """Steps and configuration are returned unchanged."""
    a_definition(database, version=1)
    latest = a_definition(database, version=2, config={"maxRetries": 1}, description="second")
    assert store.definition_document(DefinitionId(latest)) == {
        "id": latest,
        "type": "default",
        "version": 2,
        "name": "default",
        "description": "second",
        "config": {"maxRetries": 1},
        "steps": STEPS,
    }


def test_unknown_definition_is_not_found(store: PostgresEngineStore) -> None:
    """An unknown id is a NotFound error."""
    with pytest.raises(NotFound, match="no such definition"):
        store.definition_document(DefinitionId(4711))
