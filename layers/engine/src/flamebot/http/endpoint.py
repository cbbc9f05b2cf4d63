"""One call of the HTTP API, as the tables describe it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from flamebot.http.request_schemas import NoQuery

Scope = Literal["read", "accounts.write", "workflows.write", "definitions.write", "admin"]
SCOPES: tuple[Scope, ...] = (
    "read",
    "accounts.write",
    "workflows.write",
    "definitions.write",
    "admin",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One call. `name` finds its handler and is its operationId; `scope` None: open to all."""

    name: str
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    scope: Scope | None
    summary: str
    answer: type[BaseModel] | None
    status: int = 200
    query: type[BaseModel] = NoQuery
    body: type[BaseModel] | None = None
    body_optional: bool = False
    rows: str | None = None  # the body's list whose members are judged one by one
    headers: tuple[str, ...] = ()  # request headers that it honours
    also: tuple[int, ...] = ()  # further statuses with the same answer
    problems: tuple[int, ...] = ()  # beside those that any call of its kind may answer

    def match(self, segments: tuple[str, ...]) -> dict[str, str] | None:
        """The path's parameters, or None if this is another path."""
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
    def parameters(self) -> list[str]:
        """The names in the path."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]
