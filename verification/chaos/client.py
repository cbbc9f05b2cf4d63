"""An operator's client that goes on when the stack does not: it says what was answered, or that nothing was."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx

from tests.e2e.local_stack import Json
from verification.chaos.world import World

# What a stack that is being struck may answer; a client tries again. Anything else is a defect.
TRY_AGAIN = frozenset({409, 429, 500, 502, 503, 504})


class Unexpected(AssertionError):
    """An answer that no fault explains."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A definite answer."""

    status: int
    document: Json
    etag: str | None


class Client:
    """Talks to whichever stack runs now. For one thread."""

    def __init__(self, world: World) -> None:
        """Nothing is connected yet."""
        self._world = world
        self._http = httpx.Client(timeout=35, trust_env=False)
        self.failures: Counter[str] = Counter()  # answers that were none, by what came instead

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(self, method: str, path: str, document: object = None, **headers: str) -> Answer | None:
        """Send a request once. None: nobody knows whether it was carried out. Raises `Unexpected`."""
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
