"""Publish the definitions that are deployed with the code. Repeatable."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from flamebot.domain.errors import Invalid, PreconditionFailed, UnknownWorkflowType, ValidationIssue
from flamebot.ports.admin_store import FIRST_VERSION, AdminStore, Caller, Precondition, follows
from flamebot.ports.engine_store import Json
from flamebot.services.definitions.publish import CONTENT

SEEDER = Caller(actor="deploy", reason="comes with the code")

Seeded = Literal["published", "unchanged", "left"]


def seed_definitions(
    store: AdminStore,
    documents: Iterable[Json],
    issues: Callable[[object], list[ValidationIssue]] | None = None,
) -> dict[str, Seeded]:
    """Publish each document whose type is new, or whose current version was seeded and differs.

    A version that an operator published is left: a deployment never undoes a change that was made
    over the API.

    Args:
        store: Where to publish.
        documents: The definitions of this deployment.
        issues: Returns the issues of a document; None if the documents are known to be valid.

    Returns:
        What happened to each type.

    Raises:
        Invalid: A document has issues, and nothing was published.
    """
    checked = [_checked(document, issues) if issues else document for document in documents]
    return {document["type"]: _seed(store, _content(document)) for document in checked}


def _checked(document: Json, issues: Callable[[object], list[ValidationIssue]]) -> Json:
    found = issues(document)
    if found:
        details = "; ".join(f"{issue.pointer}: {issue.detail}" for issue in found)
        raise Invalid(found, f"A seeded definition is invalid: {str(document)[:80]}: {details}")
    return document


def _seed(store: AdminStore, document: Json) -> Seeded:
    try:
        current = store.current_definition(document["type"])
    except UnknownWorkflowType:
        return _publish(store, document, FIRST_VERSION)
    if _content(current) == document:
        return "unchanged"
    if current.get("created_by") != SEEDER.actor:
        return "left"
    return _publish(store, document, follows(current["version"]))


def _publish(store: AdminStore, document: Json, precondition: Precondition) -> Seeded:
    try:
        store.publish_definition(document, precondition, SEEDER)
    except PreconditionFailed:  # an operator or another deployment published meanwhile
        return "left"
    return "published"


def _content(document: Json) -> Json:
    defaults: Json = {"description": "", "config": {}}
    return {name: document.get(name, defaults.get(name)) for name in CONTENT}
