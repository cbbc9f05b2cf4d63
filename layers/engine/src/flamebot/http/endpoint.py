"""The description of one call of the HTTP API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from flamebot.domain.errors import FlamebotError
from flamebot.http.request_schemas import NoQuery

Scope = Literal["read", "accounts.write", "workflows.write", "definitions.write", "admin"]
SCOPES: tuple[Scope, ...] = (
    "read",
    "accounts.write",
    "workflows.write",
    "definitions.write",
    "admin",
)

TAGS: Mapping[str, str] = {
    "accounts": "Import accounts by request; show and delete one; start its workflow.",
    "imports": "Import accounts by file: upload, progress, rejected rows.",
    "workflows": "List, show and control workflows.",
    "definitions": "Show, validate and publish workflow definitions.",
    "engine": "The engine as a whole: global pause, statistics, health, failed tasks, the caller.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One call. `name` is its handler's name and its operationId; `scope` None needs no token."""

    name: str
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    scope: Scope | None
    summary: str
    response: type[BaseModel] | None
    status: int = 200
    query: type[BaseModel] = NoQuery
    body: type[BaseModel] | None = None
    body_optional: bool = False
    rows: str | None = None  # the list in the body whose members are validated one by one
    headers: tuple[str, ...] = ()  # request headers with a meaning here
    also: tuple[int, ...] = ()  # further statuses with the same response
    errors: tuple[type[FlamebotError], ...] = ()  # beside those that every such call may have

    def match(self, segments: tuple[str, ...]) -> dict[str, str] | None:
        """Return the path's parameters, or None if the path is another one."""
        parts = self.path.split("/")[1:]
        if len(parts) != len(segments):
            return None
        values: dict[str, str] = {}
        for part, segment in zip(parts, segments, strict=True):
            if part.startswith("{") and segment:
                values[part[1:-1]] = segment
            elif part != segment:
                return None
        return values

    @property
    def tag(self) -> str:
        """Return the group of calls that this one is shown with: the second part of its path."""
        part = self.path.split("/")[2:3]
        return part[0] if part and part[0] in TAGS else "engine"

    @property
    def parameters(self) -> list[str]:
        """Return the names of the parameters in the path."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]
