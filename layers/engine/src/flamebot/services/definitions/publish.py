"""Publish a version of a definition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flamebot.domain.errors import Invalid, NotFound, ValidationIssue
from flamebot.ports.control_store import Caller, ControlStore
from flamebot.ports.engine_store import Json
from flamebot.ports.read_store import ReadStore
from flamebot.services.definitions.catalog import DefinitionCatalog

RESERVED_TYPES = ("schema", "validate", "simulate")  # they are routes beside /v1/definitions/{type}
_NO_VERSION = (
    0  # versions count from 1: what expects this one is always refused, unless nothing changes
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The current version, and whether it is the first of its type."""

    definition: Json
    first: bool


class PublishDefinition:
    """The use case behind `PUT /v1/definitions/{type}`."""

    def __init__(
        self, *, store: ControlStore, reads: ReadStore, catalog: DefinitionCatalog
    ) -> None:
        self._store = store
        self._reads = reads
        self._catalog = catalog

    def run(
        self,
        workflow_type: str,
        document: object,
        follows: Callable[[int], bool] | None,
        caller: Caller,
    ) -> Published:
        """Publish, if `follows` agrees to the current version's number; None: there must be none yet.

        Raises `Invalid` with every issue, `PreconditionFailed`. The same content again is no new version.
        """
        issues = self.issues(document)
        if isinstance(document, dict) and document.get("type") != workflow_type:
            issues.append(ValidationIssue("/type", f"Must be {workflow_type}, as in the path."))
        if workflow_type in RESERVED_TYPES:
            issues.append(
                ValidationIssue("/type", f"Must not be one of {', '.join(RESERVED_TYPES)}.")
            )
        if issues or not isinstance(document, dict):
            raise Invalid(issues, "The definition is not valid.")
        current = self._current(workflow_type)
        followed = (
            current["version"]
            if current and follows and follows(current["version"])
            else _NO_VERSION
        )
        expected = followed if follows else None
        published = self._store.publish_definition(_content(document), expected, caller)
        return Published(
            definition=self._reads.definition_version(workflow_type, published["version"]),
            first=current is None,
        )

    def issues(self, document: object) -> list[ValidationIssue]:
        """Everything that is wrong with a definition."""
        return self._catalog.issues(document)

    def _current(self, workflow_type: str) -> Json | None:
        try:
            return self._reads.definition_version(workflow_type, None)
        except NotFound:
            return None


def _content(document: dict[str, Any]) -> Json:
    return {
        name: document[name]
        for name in ("type", "name", "description", "config", "steps")
        if name in document
    }
