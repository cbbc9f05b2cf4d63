"""Publishes the definitions that come with the code. Run again, it changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from flamebot.domain.errors import Invalid, PreconditionFailed, UnknownWorkflowType, ValidationIssue
from flamebot.ports.control_store import Caller, ControlStore
from flamebot.ports.engine_store import Json

SEEDER = Caller(actor="deploy", reason="comes with the code")
_CONTENT = ("type", "name", "description", "config", "steps")

Seeded = Literal["published", "unchanged", "left"]


def seed_definitions(
    store: ControlStore,
    documents: Iterable[Json],
    issues: Callable[[object], list[ValidationIssue]] | None = None,
) -> dict[str, Seeded]:
    """Publish each document whose type is new, or whose current version came with the code too and differs.

    A version that an operator published is left alone: a deploy never undoes what was changed over the API. Raises
    `Invalid`, before anything was published, if `issues` finds any; without it the documents count as checked.
    """
    checked = [_checked(document, issues) if issues else document for document in documents]
    return {document["type"]: _seed(store, _content(document)) for document in checked}


def _checked(document: Json, issues: Callable[[object], list[ValidationIssue]]) -> Json:
    found = issues(document)
    if found:
        places = "; ".join(f"{issue.pointer}: {issue.detail}" for issue in found)
        raise Invalid(
            found,
            f"A definition that comes with the code is not valid: {str(document)[:80]}: {places}",
        )
    return document


def _seed(store: ControlStore, document: Json) -> Seeded:
    try:
        current = store.current_definition(document["type"])
    except UnknownWorkflowType:
        return _publish(store, document, None)
    if _content(current) == document:
        return "unchanged"
    if current.get("created_by") != SEEDER.actor:
        return "left"
    return _publish(store, document, current["version"])


def _publish(store: ControlStore, document: Json, expected: int | None) -> Seeded:
    try:
        store.publish_definition(document, expected, SEEDER)
    except PreconditionFailed:  # somebody was faster; theirs stands
        return "left"
    return "published"


def _content(document: Json) -> Json:
    defaults: Json = {"description": "", "config": {}}
    return {name: document.get(name, defaults.get(name)) for name in _CONTENT}
