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


class StepStats(ResponseModel):
    """The steps of one action in the last 24 hours, and their mean length, in schedule time."""

    action: str
    completed: int
    failed: int
    retried: int
    skipped: int
    cancelled: int
    mean_seconds: float | None


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
