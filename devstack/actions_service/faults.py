"""What can go wrong at the simulated actions service, on demand and in the order asked for."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

Kind = Literal[
    "unavailable",  # 503 with Retry-After, nothing done
    "throttle",  # 429 with Retry-After, nothing done
    "refuse",  # a 4xx, nothing done
    "reset",  # the connection is reset, nothing done
    "drop",  # the work is done, then the connection is reset
    "slow",  # the work is done, the answer comes `seconds` later
    "fail_job",  # accepted, but the job ends failed
    "cancel_job",  # accepted, but the job ends cancelled by the service itself
]
EFFECTS = frozenset({"updatePrompt", "updateBio", "startSwipeTask"})


class BadFault(ValueError):
    """The fault asked for is none that this service knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing to go wrong.

    `operation` is an operationId, "effects" (the three writes that make a job) or "any".
    """

    kind: Kind
    count: int | None = 1  # None: for good
    operation: str = "effects"
    account: str | None = None
    status: int = 422  # refuse
    retry_after: int = 1  # unavailable, throttle; wall-clock seconds
    seconds: float = 5.0  # slow; wall-clock seconds

    @classmethod
    def parse(cls, document: object) -> Fault:
        """Read a fault as the admin route gets it. Raises `BadFault`."""
        names = {"kind", "count", "operation", "account", "status", "retryAfter", "seconds"}
        if (
            not isinstance(document, dict)
            or document.get("kind") not in get_args(Kind)
            or set(document) - names
        ):
            raise BadFault(
                f"A fault has a kind of {', '.join(get_args(Kind))}, and of the rest only {', '.join(sorted(names - {'kind'}))}"
            )
        if any(
            not isinstance(document.get(name, 1), int | float)
            for name in ("retryAfter", "seconds", "status")
        ):
            raise BadFault("retryAfter, seconds and status are numbers")
        if not isinstance(document.get("count"), int | None):
            raise BadFault("count is a whole number, or null for good")
        changed = {
            "retry_after" if name == "retryAfter" else name: value
            for name, value in document.items()
        }
        return cls(**changed)

    def hits(self, operation: str, account: str | None) -> bool:
        """Whether a call is the kind of call that this fault is for."""
        if self.account is not None and self.account != account:
            return False
        return self.operation in (operation, "any") or (
            self.operation == "effects" and operation in EFFECTS
        )


class Faults:
    """The faults that still lie ahead. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ahead: list[list[Any]] = []  # [fault, how often still]

    def add(self, fault: Fault) -> None:
        """Put one more behind those that wait."""
        with self._lock:
            self._ahead.append([fault, fault.count])

    def take(self, operation: str, account: str | None) -> Fault | None:
        """The first fault that hits a call; it is used up by one."""
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
        """From now on all goes well."""
        with self._lock:
            self._ahead.clear()

    def listed(self) -> list[dict[str, Any]]:
        """What lies ahead."""
        with self._lock:
            return [{**asdict(fault), "count": left} for fault, left in self._ahead]
