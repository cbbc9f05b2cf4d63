"""Definitions, bound and ready to plan with."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import Any, Protocol

from flamebot.domain.backoff import EnginePolicy
from flamebot.domain.definition import Definition, Registry
from flamebot.domain.document import bind_definition, read_definition
from flamebot.domain.errors import ValidationIssue

_KEPT = 256  # bound versions; one takes some kilobytes


class DefinitionStore(Protocol):
    """What the catalog asks a store."""

    def definition_document(self, definition_id: int) -> dict[str, Any]:
        """A version's document. Raises `NotFound`."""
        ...


class CurrentDefinitionStore(DefinitionStore, Protocol):
    """What it asks a store that also knows which version is current."""

    def current_definition(self, workflow_type: str) -> dict[str, Any]:
        """The current version's document with its `id`. Raises `UnknownWorkflowType`."""
        ...


class DefinitionCatalog:
    """Looks definitions up and keeps the bound ones: a stored version never changes. Safe for threads."""

    def __init__(
        self,
        store: DefinitionStore | CurrentDefinitionStore,
        registry: Registry,
        policy: EnginePolicy,
    ) -> None:
        """Take a store, the actions and the engine's own limits."""
        self._store = store
        self._registry = registry
        self._policy = policy
        self._bound: OrderedDict[int, Definition] = OrderedDict()
        self._lock = Lock()

    def get(self, definition_id: int) -> Definition:
        """The version that an instance is pinned to. Raises `NotFound`, `Invalid`."""
        return self._kept(definition_id) or self._keep(
            definition_id, self._store.definition_document(definition_id)
        )

    def active(self, workflow_type: str) -> Definition:
        """The version that new instances get: asked anew each time. Raises `UnknownWorkflowType`."""
        document = self._store.current_definition(workflow_type)  # type: ignore[union-attr]  # asked only where the store knows
        definition_id = int(document["id"])
        return self._kept(definition_id) or self._keep(definition_id, document)

    def issues(self, document: object) -> list[ValidationIssue]:
        """Everything that is wrong with a definition."""
        return read_definition(document, self._registry, self._policy)[1]

    def _kept(self, definition_id: int) -> Definition | None:
        with self._lock:
            definition = self._bound.get(definition_id)
            if definition is not None:
                self._bound.move_to_end(definition_id)
            return definition

    def _keep(self, definition_id: int, document: Mapping[str, Any]) -> Definition:
        definition = bind_definition(document, self._registry, self._policy, definition_id)
        with self._lock:
            self._bound[definition_id] = definition
            while len(self._bound) > _KEPT:
                self._bound.popitem(last=False)
        return definition
