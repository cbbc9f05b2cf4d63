"""Faults of the simulated actions service: injected on demand, in the order of their requests."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

Kind = Literal[
    "unavailable",  # 503 with Retry-After, nothing is done
    "throttle",  # 429 with Retry-After, nothing is done
    "refuse",  # a 4xx, nothing is done
    "reset",  # the connection is reset, nothing is done
    "drop",  # the work is done, then the connection is reset
    "no_body",  # the work is done, the response is a 204 without a body
    "slow",  # the work is done, the response is sent `seconds` later
    "fail_job",  # accepted, but the job ends failed
    "cancel_job",  # accepted, but the service cancels the job
]
# Operations that start no job. Every other one is the write of an action.
WITHOUT_JOB = frozenset({"registerAccount", "getAccount", "findTasks", "getTask", "cancelTask"})


class BadFault(ValueError):
    """The request does not describe a fault that this service can inject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault to inject.

    `operation` is an operationId, "effects" (all writes that start a job) or "any".
    """

    kind: Kind
    count: int | None = 1  # how often; None: until it is deleted
    operation: str = "effects"
    account: str | None = None
    status: int = 422  # refuse
    code: str | None = None  # refuse: the problem's code
    retry_after: int = 1  # unavailable, throttle; wall-clock seconds
    seconds: float = 5.0  # slow; wall-clock seconds

    @classmethod
    def parse(cls, document: object) -> Fault:
        """Parse the body of a request to inject a fault. Raises `BadFault`."""
        names = {"kind", "count", "operation", "account", "status", "code", "retryAfter", "seconds"}
        if (
            not isinstance(document, dict)
            or document.get("kind") not in get_args(Kind)
            or set(document) - names
        ):
            kinds, others = ", ".join(get_args(Kind)), ", ".join(sorted(names - {"kind"}))
            raise BadFault(f"A fault has a kind ({kinds}) and may have: {others}")
        if any(
            not isinstance(document.get(name, 1), int | float)
            for name in ("retryAfter", "seconds", "status")
        ):
            raise BadFault("retryAfter, seconds and status are numbers")
        if not isinstance(document.get("code"), str | None):
            raise BadFault("code is a text")
        if not isinstance(document.get("count"), int | None):
            raise BadFault("count is a whole number, or null for no limit")
        changed = {
            "retry_after" if name == "retryAfter" else name: value
            for name, value in document.items()
        }
        return cls(**changed)

    def hits(self, operation: str, account: str | None) -> bool:
        """Return whether the fault applies to a call."""
        if self.account is not None and self.account != account:
            return False
        return self.operation in (operation, "any") or (
            self.operation == "effects" and operation not in WITHOUT_JOB
        )


class Faults:
    """The faults that are still to be injected. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ahead: list[list[Any]] = []  # [fault, remaining count]

    def add(self, fault: Fault) -> None:
        """Add a fault after those that are waiting."""
        with self._lock:
            self._ahead.append([fault, fault.count])

    def take(self, operation: str, account: str | None) -> Fault | None:
        """Return the first fault that applies to a call, and count it down."""
        with self._lock:
            for entry in self._ahead:
                fault: Fault = entry[0]
                if fault.hits(operation, account):
                    if entry[1] is not None:
                        entry[1] -= 1
                        if entry[1] <= 0:
                            self._ahead.remove(entry)
                    return fault
        return None

    def clear(self) -> None:
        """Remove all faults that are waiting."""
        with self._lock:
            self._ahead.clear()

    def listed(self) -> list[dict[str, Any]]:
        """Return the faults that are still to be injected."""
        with self._lock:
            return [{**asdict(fault), "count": left} for fault, left in self._ahead]
