"""Definitions: list and show with entity tags, validate, publish."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flamebot.http.etags import content_tag, matching_versions, not_modified, version_tag
from flamebot.http.parameters import version, workflow_type
from flamebot.http.problems import PreconditionRequired
from flamebot.http.request import Request
from flamebot.http.response import Response, respond
from flamebot.http.response_schemas import (
    AnyDocument,
    Definition,
    DefinitionList,
    PublishedDefinition,
    Validation,
)
from flamebot.http.router import Handler
from flamebot.ports.admin_store import FIRST_VERSION, Precondition
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
        """Return the handlers by the names of their endpoints."""
        return {
            "list_definitions": self.list,
            "show_definition": self.show,
            "show_definition_version": self.show_version,
            "show_definition_schema": self.show_schema,
            "publish_definition": self.publish,
            "validate_definition": self.validate,
        }

    def list(self, request: Request) -> Response:
        """Return every type's current version."""
        response = respond(DefinitionList, {"items": self._reads.definitions()})
        return not_modified(request, response, content_tag(response.body))

    def show(self, request: Request) -> Response:
        """Return the current version of a type."""
        return self._version(request, None)

    def show_version(self, request: Request) -> Response:
        """Return one version of a type."""
        return self._version(request, version(request))

    def show_schema(self, request: Request) -> Response:
        """Return the JSON Schema, which is made from the registered actions."""
        response = respond(AnyDocument, self._schema())
        return not_modified(request, response, content_tag(response.body))

    def publish(self, request: Request) -> Response:
        """Publish: 201 for a type's first version, 200 for a later or unchanged one."""
        precondition = _precondition(request)
        published = self._publish.run(
            workflow_type(request), request.document, precondition, request.caller()
        )
        definition = {**published.definition, "warnings": published.warnings}
        headers = {"ETag": version_tag(definition["version"])}
        # Location only with 201: other responses have no new resource.
        if not published.first:
            return respond(PublishedDefinition, definition, headers=headers)
        headers["Location"] = f"/v1/definitions/{definition['type']}"
        return respond(PublishedDefinition, definition, status=201, headers=headers)

    def validate(self, request: Request) -> Response:
        """Return every issue and warning of a definition: 200 whether it is valid or not."""
        review = self._publish.review(request.document)
        return respond(
            Validation,
            {"valid": not review.issues, "errors": review.issues, "warnings": review.warnings},
        )

    def _version(self, request: Request, number: int | None) -> Response:
        definition = self._reads.definition_version(workflow_type(request), number)
        response = respond(Definition, definition)
        return not_modified(request, response, version_tag(definition["version"]))


def _precondition(request: Request) -> Precondition:
    """Return what `If-Match` or `If-None-Match: *` expects of the current version.

    Raises:
        PreconditionRequired: none of them was sent, or both, or `If-None-Match` with a tag.
    """
    match, none_match = request.headers.get("if-match"), request.headers.get("if-none-match")
    if (match is None) == (none_match is None):
        raise PreconditionRequired
    if match is not None:
        return matching_versions(match)
    if none_match is None or none_match.strip() != "*":
        raise PreconditionRequired("If-None-Match takes only * here.")
    return FIRST_VERSION
