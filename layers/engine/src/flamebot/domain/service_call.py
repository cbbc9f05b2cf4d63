"""Calls to the services: which one a phase calls, and how a call ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from flamebot.domain.task import Phase


class Service(StrEnum):
    """The two services, as they are named in tables, HTTP and health checks."""

    ACTIONS = "actions_service"
    AI = "ai_service"


class CallEnd(StrEnum):
    """How a call ended, as far as the service's health is concerned."""

    ANSWERED = "answered"
    REFUSED = "refused"  # for what the call requested; the service is well
    THROTTLED = "throttled"  # 429, or overloaded
    DENIED = "denied"  # the token, the account at the service or the model is not accepted
    UNKNOWN = "unknown"  # connection error, timeout, 5xx


class ServiceRecord(StrEnum):
    """How a service has answered the calls of other tasks since a task's last failure."""

    ANSWERED = "answered"  # it is well, and answered at least one
    SICK = "sick"  # its breaker was open, or a fifth of the calls got no response
    SILENT = "silent"  # no other task called it


def service_of(phase: Phase) -> Service | None:
    """Return the service that a phase calls; None for a timer."""
    if phase is Phase.TIMER:
        return None
    return Service.AI if phase is Phase.GENERATE else Service.ACTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCall:
    """How the calls of one task's phase ended, counted as one call."""

    service: Service
    end: CallEnd
    generation: int  # of the service's breaker, when the task began
    failure: str | None = None  # "code: detail", if it was not answered
    retry_after: timedelta | None = None  # schedule time
    stubborn: bool = False  # the task was deferred twice before: its failure may be its own


@dataclass(slots=True, kw_only=True)
class CallCount:
    """Calls that began under one generation of a service's breaker, by how they ended."""

    service: Service
    generation: int
    ends: dict[CallEnd, int] = field(default_factory=dict)
    failure: str | None = None  # of the last one that was not answered
    retry_after: timedelta | None = None  # the longest
    stubborn: dict[CallEnd, int] = field(default_factory=dict)  # of `ends`, of stubborn tasks


def counted(calls: Iterable[ServiceCall]) -> list[CallCount]:
    """Return the counts of calls, one for each service and generation."""
    counts: dict[tuple[Service, int], CallCount] = {}
    for call in calls:
        count = counts.setdefault(
            (call.service, call.generation),
            CallCount(service=call.service, generation=call.generation),
        )
        count.ends[call.end] = count.ends.get(call.end, 0) + 1
        if call.stubborn:
            count.stubborn[call.end] = count.stubborn.get(call.end, 0) + 1
        count.failure = call.failure or count.failure
        waits = [wait for wait in (count.retry_after, call.retry_after) if wait]
        count.retry_after = max(waits, default=None)
    return list(counts.values())
