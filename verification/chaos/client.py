"""An operator's client that tolerates a stack under faults.

It returns a definite response or None.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx

from tests.e2e.local_stack import Json
from verification.chaos.world import World

# Responses of a stack under faults after which a client tries again. Any other error is a defect.
TRY_AGAIN = frozenset({409, 429, 500, 502, 503, 504})


class Unexpected(AssertionError):
    """A response that no fault explains."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response whose outcome is definite."""

    status: int
    document: Json
    etag: str | None


class Client:
    """Talks to the stack that currently runs. For one thread."""

    def __init__(self, world: World) -> None:
        """Create a client without a connection."""
        self._world = world
        self._http = httpx.Client(timeout=35, trust_env=False)
        self.failures: Counter[str] = Counter()  # failed calls, by kind of failure

    def close(self) -> None:
        """Close the connections of this client."""
        self._http.close()

    def ask(self, method: str, path: str, document: object = None, **headers: str) -> Answer | None:
        """Send a request once. Return None if its outcome is unknown. Raises `Unexpected`."""
        facts = self._world.facts
        named = {"authorization": f"Bearer {facts['token']}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        body: dict[str, Any] = {} if document is None else {"json": document}
        try:
            answer = self._http.request(method, facts["apiUrl"] + path, headers=named, **body)
        except httpx.HTTPError as error:
            self.failures[type(error).__name__] += 1
            return None
        if answer.status_code in TRY_AGAIN and answer.status_code != 409:
            self.failures[str(answer.status_code)] += 1
            return None
        if answer.status_code not in (200, 201, 404, 409, 412):
            raise Unexpected(
                f"{method} {path} was answered {answer.status_code}: {answer.text[:300]}"
            )
        return Answer(answer.status_code, answer.json(), answer.headers.get("etag"))
