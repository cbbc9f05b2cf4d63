"""The catalog of definitions."""

from __future__ import annotations

from typing import Any

import pytest

from flamebot.actions.registry import REGISTRY
from flamebot.domain.errors import NotFound, UnknownWorkflowType
from flamebot.domain.ids import DefinitionId
from flamebot.services.definitions.catalog import DefinitionCatalog
from tests.unit.domain.builders import POLICY, a_document, a_swipe, a_wait


class Shelf:
    """Keeps versions in memory and counts how often they are read."""

    def __init__(self, *documents: dict[str, Any]) -> None:
        self.rows = dict(enumerate(documents, start=1))
        self.reads = 0

    def definition_document(self, definition_id: DefinitionId) -> dict[str, Any]:
        self.reads += 1
        if definition_id not in self.rows:
            raise NotFound
        return {**self.rows[definition_id], "version": definition_id}

    def current_definition(self, workflow_type: str) -> dict[str, Any]:
        found = [row_id for row_id, row in self.rows.items() if row["type"] == workflow_type]
        if not found:
            raise UnknownWorkflowType
        return {**self.definition_document(DefinitionId(found[-1])), "id": found[-1]}


def a_catalog(*documents: dict[str, Any]) -> tuple[DefinitionCatalog, Shelf]:
    """Return a catalog over stored documents."""
    shelf = Shelf(*documents)
    return DefinitionCatalog(shelf, REGISTRY, POLICY), shelf


def test_a_version_is_bound_once() -> None:
    """A version is bound once, because its row never changes."""
    catalog, shelf = a_catalog(a_document(a_swipe()), a_document(a_wait(), a_swipe()))
    assert catalog.get(DefinitionId(2)) is catalog.get(DefinitionId(2))
    assert (catalog.get(DefinitionId(1)).total_steps, catalog.get(DefinitionId(2)).total_steps) == (
        1,
        2,
    )
    assert shelf.reads == 2


def test_what_is_kept_is_bounded() -> None:
    """However many versions there are."""
    catalog, shelf = a_catalog(*[a_document(a_swipe())] * 300)
    for row_id in range(1, 301):
        catalog.get(DefinitionId(row_id))
    catalog.get(DefinitionId(300))
    assert shelf.reads == 300
    catalog.get(DefinitionId(1))
    assert shelf.reads == 301


def test_the_current_version_is_read_each_time() -> None:
    """Who publishes is heard at once; instances stay on theirs."""
    catalog, shelf = a_catalog(a_document(a_swipe()))
    assert (catalog.current("sample").definition_id, catalog.current("sample").version) == (1, 1)
    shelf.rows[2] = a_document(a_wait())
    assert catalog.current("sample").definition_id == 2
    assert catalog.get(DefinitionId(1)).steps[0].id == "swipe"


def test_what_is_not_there_is_said() -> None:
    """A missing version and a missing type are reported."""
    catalog, _ = a_catalog()
    with pytest.raises(NotFound):
        catalog.get(DefinitionId(7))
    with pytest.raises(UnknownWorkflowType):
        catalog.current("nothing")


def test_a_definition_is_checked_before_it_is_published() -> None:
    """Every issue is returned at once."""
    catalog, _ = a_catalog()
    bad = a_document(a_wait(delay=-1), a_swipe(swipeCount=0))
    assert [issue.pointer for issue in catalog.issues(bad)] == [
        "/steps/0/delay",
        "/steps/1/swipeCount",
    ]
    assert catalog.issues(a_document(a_swipe())) == []
