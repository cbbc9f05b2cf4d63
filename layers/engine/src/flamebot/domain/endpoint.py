"""Endpoints: where an action writes at the actions service, declared in the action's own file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from flamebot.domain.task import EffectRequest

_PATH = re.compile(r"/accounts/\{accountId\}(/[a-z0-9-]+)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionEndpoint:
    """One operation of the actions service that starts a job.

    The engine sends to it, and the simulated actions service serves it: an operation that
    `docs/actions-api.yaml` does not describe is built from this declaration.

    Raises:
        ValueError: The path is not below `/accounts/{accountId}`.
    """

    operation: str  # operationId, as in "updatePrompt"; faults are injected by this name
    method: Literal["PUT", "POST"]
    path: str  # holds `{accountId}`
    body: Mapping[str, object]  # JSON Schema of the request's body
    # Duration of a job at the simulated service, in seconds of schedule time. None: as its
    # settings say, by the number of swipes for a body with a `count`.
    simulated_job_seconds: float | None = None

    def __post_init__(self) -> None:
        """Check the path, which is filled in by code that trusts it."""
        if not _PATH.fullmatch(self.path):
            raise ValueError(f"{self.operation}: the path is /accounts/{{accountId}}/...")

    def request(self, body: dict[str, object]) -> EffectRequest:
        """Return the write of `body` to this endpoint."""
        return EffectRequest(method=self.method, path=self.path, body=body)


def text_body(max_length: int) -> dict[str, object]:
    """Return the JSON Schema of a body that holds one text, of 1 to `max_length` characters."""
    return {
        "type": "object",
        "required": ["text"],
        "additionalProperties": False,
        "properties": {"text": {"type": "string", "minLength": 1, "maxLength": max_length}},
    }
