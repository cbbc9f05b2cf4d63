"""Definitions, bound to their actions and ready to plan with."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import Any, Protocol

from flamebot.domain.backoff import EnginePolicy
from flamebot.domain.definition import Definition, Registry
from flamebot.domain.document import bind_definition, read_definition
from flamebot.domain.errors import ValidationIssue
from flamebot.domain.ids import DefinitionId

_CACHE_SIZE = 256  # bound versions, some kilobytes each


class DefinitionStore(Protocol):
    """A store that reads definitions by their id."""

    def definition_document(self, definition_id: DefinitionId) -> dict[str, Any]:
        """Return a version's document. Raises `NotFound`."""
        ...


class CurrentDefinitionStore(DefinitionStore, Protocol):
    """A store that also knows which version of a type is current."""

    def current_definition(self, workflow_type: str) -> dict[str, Any]:
        """Return the current version's document with its `id`. Raises `UnknownWorkflowType`."""
        ...


class DefinitionCatalog:
    """Reads definitions and caches the bound ones, which is safe: a stored version never changes.

    Threads may share a catalog.
    """

    def __init__(
        self,
        store: DefinitionStore | CurrentDefinitionStore,
        registry: Registry,
        policy: EnginePolicy,
    ) -> None:
        """Take the store, the actions, and the engine's limits on attempts and delays."""
        self._store = store
        self._registry = registry
        self._policy = policy
        self._bound: OrderedDict[int, Definition] = OrderedDict()
        self._lock = Lock()

    def get(self, definition_id: DefinitionId) -> Definition:
        """Return the version that an instance is pinned to.

        Raises:
            NotFound: There is no definition of this id.
            Invalid: The code no longer knows an action of the definition.
        """
        return self._cached(definition_id) or self._bind(
            definition_id, self._store.definition_document(definition_id)
        )

    def current(self, workflow_type: str) -> Definition:
        """Return the version that new instances get, which is read from the store each time.

        Raises `UnknownWorkflowType`.
        """
        # Only services whose store has current_definition call this.
        document = self._store.current_definition(workflow_type)  # type: ignore[union-attr]  # see above
        definition_id = DefinitionId(int(document["id"]))
        return self._cached(definition_id) or self._bind(definition_id, document)

    def issues(self, document: object) -> list[ValidationIssue]:
        """Return every issue of a document that is to be published."""
        return self.read(document)[1]

    def read(self, document: object) -> tuple[Definition | None, list[ValidationIssue]]:
        """Return a document that is to be published as a definition, or None and every issue."""
        return read_definition(document, self._registry, self._policy)

    def _cached(self, definition_id: DefinitionId) -> Definition | None:
        with self._lock:
            definition = self._bound.get(definition_id)
            if definition is not None:
                self._bound.move_to_end(definition_id)
            return definition

    def _bind(self, definition_id: DefinitionId, document: Mapping[str, Any]) -> Definition:
        # Outside the lock: two threads may bind the same version, which costs time and no more.
        definition = bind_definition(document, self._registry, self._policy, definition_id)
        with self._lock:
            self._bound[definition_id] = definition
            while len(self._bound) > _CACHE_SIZE:
                self._bound.popitem(last=False)
        return definition
