"""Publishes the definitions that come with the code. Run again, it changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from flamebot.domain.errors import PreconditionFailed, UnknownWorkflowType
from flamebot.ports.store import Caller, ControlStore, Json

SEEDER = Caller(actor="deploy", reason="comes with the code")
_CONTENT = ("type", "name", "description", "config", "steps")

Seeded = Literal["published", "unchanged", "left"]


def seed_definitions(store: ControlStore, documents: Iterable[Mapping[str, Any]]) -> dict[str, Seeded]:
    """Publish each document whose type is new, or whose current version came with the code too and differs.

    A version that an operator published is left alone: a deploy never undoes what was changed over the API.
    """
    return {str(document["type"]): _seed(store, _content(document)) for document in documents}


def _seed(store: ControlStore, document: Json) -> Seeded:
    try:
        current = store.active_definition(document["type"])
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


def _content(document: Mapping[str, Any]) -> Json:
    defaults: Json = {"description": "", "config": {}}
    return {name: document.get(name, defaults.get(name)) for name in _CONTENT}
