"""The routes of the published description, which every attack on the API tries."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from tests.security.front import ROOT

OPENAPI: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text())
UUID = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the description."""

    method: str
    path: str
    operation: dict[str, Any]

    @property
    def name(self) -> str:
        """Return the operationId of the route."""
        return str(self.operation["operationId"])

    @property
    def scope(self) -> str | None:
        """Return the scope that it needs; None: it is open."""
        return (
            str(self.operation["security"][0]["token"][0]) if self.operation["security"] else None
        )

    @property
    def function(self) -> str:
        """Return the function behind it."""
        return "import_accounts" if self.name == "import_accounts" else "api"

    def at(self, **values: str) -> str:
        """Return the path with plausible parameters."""
        plausible = {
            "id": UUID if "/workflows/{id}" in self.path else "acct-001",
            "type": "default",
            "version": "1",
            "name": values.get("id", "ai_service"),
        } | values
        return re.sub(r"\{(\w+)\}", lambda match: plausible[match[1]], self.path)


ROUTES = [
    Route(method.upper(), path, operation)
    for path, item in OPENAPI["paths"].items()
    for method, operation in item.items()
]
GUARDED = [route for route in ROUTES if route.scope]


def name(route: Route) -> str:
    """Return the name of a test."""
    return route.name
