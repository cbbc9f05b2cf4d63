"""Definitions: shown with their tags, checked, published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flamebot.http.answer import Answer, told
from flamebot.http.etags import content_tag, names, unless_seen, version_tag
from flamebot.http.parameters import version, workflow_type
from flamebot.http.problems import PreconditionRequired
from flamebot.http.request import Request
from flamebot.http.response_schemas import AnyDocument, Definition, DefinitionList, Validation
from flamebot.http.router import Handler
from flamebot.ports.read_store import ReadStore
from flamebot.services.definitions.publish import PublishDefinition


class Definitions:
    """Handlers of `/v1/definitions`."""

    def __init__(
        self,
        *,
        reads: ReadStore,
        publish: PublishDefinition,
        schema: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._reads = reads
        self._publish = publish
        self._schema = schema

    def handlers(self) -> dict[str, Handler]:
        """By the endpoint's name."""
        return {
            "list_definitions": self.list,
            "show_definition": self.show,
            "show_definition_version": self.show_version,
            "show_definition_schema": self.show_schema,
            "publish_definition": self.publish,
            "validate_definition": self.validate,
        }

    def list(self, request: Request) -> Answer:
        """Every type's current version."""
        answer = told(DefinitionList, {"items": self._reads.definitions()})
        return unless_seen(request, answer, content_tag(answer.body))

    def show(self, request: Request) -> Answer:
        """The current version."""
        return self._shown(request, None)

    def show_version(self, request: Request) -> Answer:
        """One version; it never changes."""
        return self._shown(request, version(request))

    def show_schema(self, request: Request) -> Answer:
        """The JSON Schema, made from the actions that are registered."""
        answer = told(AnyDocument, self._schema())
        return unless_seen(request, answer, content_tag(answer.body))

    def publish(self, request: Request) -> Answer:
        """201 for a type's first version, 200 for a later one or the same again."""
        follows = _precondition(request)
        published = self._publish.run(
            workflow_type(request), request.document, follows, request.caller()
        )
        headers = {"ETag": version_tag(published.definition["version"])}
        if published.first:
            headers["Location"] = f"/v1/definitions/{published.definition['type']}"
        return told(
            Definition,
            published.definition,
            status=201 if published.first else 200,
            headers=headers,
        )

    def validate(self, request: Request) -> Answer:
        """200, whatever is wrong with it."""
        issues = self._publish.issues(request.document)
        return told(Validation, {"valid": not issues, "errors": issues})

    def _shown(self, request: Request, number: int | None) -> Answer:
        definition = self._reads.definition_version(workflow_type(request), number)
        return unless_seen(
            request, told(Definition, definition), version_tag(definition["version"])
        )


def _precondition(request: Request) -> Callable[[int], bool] | None:
    """Which current version may be followed; None: there must be none. Raises `PreconditionRequired`."""
    match, none_match = request.headers.get("if-match"), request.headers.get("if-none-match")
    if (match is None) == (none_match is None):
        raise PreconditionRequired
    if none_match is not None:
        if none_match.strip() != "*":
            raise PreconditionRequired("If-None-Match takes only * here.")
        return None
    tags = match or ""
    return lambda number: names(tags, version_tag(number))
