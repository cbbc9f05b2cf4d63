"""Publish a new version of a definition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flamebot.domain.attempts import attempt_warnings
from flamebot.domain.errors import Invalid, NotFound, ValidationIssue
from flamebot.ports.admin_store import AdminStore, Caller, Precondition
from flamebot.ports.engine_store import Json
from flamebot.ports.read_store import ReadStore
from flamebot.services.definitions.catalog import DefinitionCatalog

# Routes beside /v1/definitions/{type}.
RESERVED_TYPES = ("schema", "validate", "simulate")
CONTENT = ("type", "name", "description", "config", "steps")


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What is wrong with a document, and of a valid one what is probably not meant."""

    issues: list[ValidationIssue]
    warnings: list[ValidationIssue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The current version, whether it is the first of its type, and its warnings."""

    definition: Json
    first: bool
    warnings: list[ValidationIssue]


class PublishDefinition:
    """The use case behind `PUT /v1/definitions/{type}`."""

    def __init__(self, *, store: AdminStore, reads: ReadStore, catalog: DefinitionCatalog) -> None:
        self._store = store
        self._reads = reads
        self._catalog = catalog

    def run(
        self, workflow_type: str, document: object, precondition: Precondition, caller: Caller
    ) -> Published:
        """Publish the document if it is valid and the precondition holds.

        The precondition is evaluated in the transaction that publishes. The current version's
        content again is no new version.

        Raises:
            Invalid: The document has issues; it carries all of them.
            PreconditionFailed: Another version is current.
        """
        review = self.review(document)
        issues = list(review.issues)
        if isinstance(document, dict) and document.get("type") != workflow_type:
            issues.append(ValidationIssue("/type", f"Must be {workflow_type}, as in the path."))
        if workflow_type in RESERVED_TYPES:
            issues.append(
                ValidationIssue("/type", f"Must not be one of {', '.join(RESERVED_TYPES)}.")
            )
        if issues or not isinstance(document, dict):
            raise Invalid(issues, "The definition is not valid.")
        # Read before publishing, for the status 201 or 200 only. Two clients that publish the same
        # first version at once may both get 201; the precondition is not affected.
        first = not self._exists(workflow_type)
        content = {name: document[name] for name in CONTENT if name in document}
        published = self._store.publish_definition(content, precondition, caller)
        definition = self._reads.definition_version(workflow_type, published["version"])
        return Published(definition=definition, first=first, warnings=review.warnings)

    def review(self, document: object) -> Review:
        """Return every issue of a document, or the warnings of a valid one."""
        definition, issues = self._catalog.read(document)
        if definition is None or not isinstance(document, Mapping):
            return Review(issues=issues, warnings=[])
        return Review(issues=issues, warnings=attempt_warnings(definition, document))

    def _exists(self, workflow_type: str) -> bool:
        try:
            self._reads.definition_version(workflow_type, None)
        except NotFound:
            return False
        return True
