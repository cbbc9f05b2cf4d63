"""The JSON of responses about the engine as a whole and about the caller."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from flamebot.http.endpoint import Scope
from flamebot.http.wire import ResponseModel, ScheduleInstant


class Me(ResponseModel):
    """The caller as its token names it, and the deployment that it talks to.

    `clockRate` is the number of seconds by which schedule time advances per second of wall time:
    1 except on a local stack.
    """

    subject: str
    scopes: Annotated[list[Scope], Field(description="Without the prefix that tokens use.")]
    version: Annotated[str, Field(description="The version of the engine.")]
    stage: Annotated[str, Field(description="The name of the deployment; `local` on a laptop.")]
    clock_rate: float


class Control(ResponseModel):
    """The state of the global pause."""

    paused: bool
    paused_at: ScheduleInstant | None
    paused_ms: Annotated[
        int,
        Field(description="Milliseconds of schedule time of all global pauses that have ended."),
    ]


class ServiceCalls(ResponseModel):
    """The calls of tasks to a service in the last minute of schedule time, by how they ended."""

    answered: int
    refused: Annotated[int, Field(description="For what they requested; the service is well.")]
    throttled: Annotated[int, Field(description="429, or overloaded.")]
    denied: Annotated[int, Field(description="The token or the account was not accepted.")]
    unknown: Annotated[int, Field(description="Connection error, timeout or 5xx.")]


class ServiceThresholds(ResponseModel):
    """When a breaker opens, and how it lets work through: the deployment's parameters.

    Seconds are schedule time.
    """

    probe_seconds: float
    opens_at_failures: int
    opens_at_share: float
    ramp_per_second: float


class ServiceOpening(ResponseModel):
    """A time during which a breaker was open. `openedBy` null: the engine opened it."""

    opened_at: ScheduleInstant
    opened_by: str | None
    reason: str
    error: str | None
    ended_at: ScheduleInstant | None
    ended_by: str | None


class Service(ResponseModel):
    """A service that steps call, and its circuit breaker."""

    name: Literal["actions_service", "ai_service"]
    state: Annotated[
        Literal["closed", "half_open", "open"],
        Field(
            description="closed: tasks begin as they fall due. open: one task begins per probe"
            " interval. half_open: a probe was answered, and tasks begin at a growing rate."
        ),
    ]
    since: ScheduleInstant
    reason: Annotated[
        str | None,
        Field(description="Why it is open: unanswered, throttled, denied, or a person's reason."),
    ]
    changed_by: Annotated[str | None, Field(description="Null: the engine.")]
    is_manual: Annotated[bool, Field(description="A person opened it, and a person closes it.")]
    per_second: Annotated[
        float | None,
        Field(description="How many tasks may begin in a second; null: as many as are due."),
    ]
    next_probe_at: ScheduleInstant | None
    last_failure: str | None
    last_failure_at: ScheduleInstant | None
    calls: ServiceCalls
    held_back: Annotated[
        int, Field(description="Tasks that are due and wait for the breaker, up to 100,000.")
    ]
    thresholds: ServiceThresholds
    openings: Annotated[list[ServiceOpening], Field(description="The last 20, latest first.")]


class ServiceList(ResponseModel):
    """Both services that steps call."""

    items: list[Service]


class StepStats(ResponseModel):
    """The steps of one action in the last 24 hours, and their mean length, in schedule time."""

    action: str
    completed: int
    failed: int
    retried: int
    skipped: int
    cancelled: int
    mean_seconds: float | None


class ErrorStats(ResponseModel):
    """The code of an error: workflows that failed with it in 24 hours, tasks that wait for it."""

    code: str
    failed: int
    waiting: int


class Lateness(ResponseModel):
    """How long after their due times tasks began, in seconds of schedule time."""

    tasks: int
    p50_seconds: float | None
    p95_seconds: float | None
    p99_seconds: float | None
    max_seconds: float | None


class Stats(ResponseModel):
    """Workflows, live tasks and accounts by status, step statistics of 24 hours, lateness."""

    workflows: dict[str, int]
    tasks: dict[str, int]
    accounts: dict[str, int]
    steps: list[StepStats]
    errors: Annotated[list[ErrorStats], Field(description="The 20 most frequent codes.")]
    lateness: Lateness


class DueMinute(ResponseModel):
    """The number of tasks that fall due in one minute."""

    minute: ScheduleInstant
    tasks: int


class DueHistogram(ResponseModel):
    """The due tasks by the minute of schedule time; overdue ones count in the first minute."""

    items: list[DueMinute]


class Check(ResponseModel):
    """One health check. `urgent`: if it fails, workflows stand still or run late."""

    name: str
    ok: bool
    detail: str
    urgent: bool


class Health(ResponseModel):
    """The health of the engine, check by check."""

    status: Literal["ok", "degraded"]
    checks: list[Check]


class OpenHealth(ResponseModel):
    """Whether every urgent check is ok. Shows no details, because it needs no token."""

    status: Literal["ok", "unavailable"]
