"""What the health check's figures mean: limits, each with its reason, and a sentence about every one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

OLDEST_TICK_SECONDS = 180  # engine: a rule fires anywhere in its minute, and a tick may take one
LEAST_TICK_SECONDS = 30  # real: on a clock that runs fast a tick still takes as long as it takes
OLDEST_DUE_SECONDS = 300  # engine seconds in real ones: times the clock's rate
OLDEST_RUNNING_SECONDS = (
    300  # likewise: a lease, a tick and a commit later nothing runs any more as it did
)
MOST_LOST = (
    20  # one crash leaves a handful until the next tick; more means that ticks do not keep up
)
WAITING_PER_PLACE = 60  # an effect takes a second or two: what waits beyond that waits for minutes
MAINTENANCE_SECONDS = 60  # real, beyond two periods: a pass takes up to 50
OLDEST_TRANSACTION_SECONDS = 300  # real: every role's statements end within a minute


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the engine is set up to do. `rate`: engine seconds per real second."""

    places: int  # effects at once
    maintenance_period: timedelta  # schedule time
    rate: float

    @property
    def tick_seconds(self) -> float:
        """Real seconds after which a tick is overdue, and after which one has had its chance at what was lost."""
        return max(OLDEST_TICK_SECONDS / self.rate, LEAST_TICK_SECONDS)

    @property
    def maintenance_seconds(self) -> float:
        """Real seconds after which a pass of maintenance is overdue."""
        return 2 * self.maintenance_period.total_seconds() / self.rate + MAINTENANCE_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that should be so, and how it is.

    `urgent`: if it is not so, workflows stand still or run late. Anything else is for somebody to look at by day.
    """

    name: str
    ok: bool
    detail: str
    urgent: bool = True


def judge(facts: Mapping[str, Any], limits: Limits) -> tuple[Check, ...]:
    """The checks that figures from the database decide."""
    maintenance = facts["last_maintenance"]
    return (
        _last_tick(facts, limits),
        _oldest_due(facts, limits),
        _expired_leases(facts, limits),
        _stuck_tasks(facts, limits),
        lost_workflows(int(maintenance.get("lost_workflows", 0))),
        _enough_concurrency(facts, limits),
        _last_maintenance(facts, limits),
        _history(facts),
        _transactions(facts),
    )


def lost_workflows(found: int) -> Check:
    """The only finding that is looked for by maintenance alone: it reads every live workflow."""
    detail = (
        "Every live workflow has its task."
        if not found
        else f"{found} live workflows have no task that would wake them (I2)."
    )
    return Check(name="lost_workflows", ok=not found, detail=detail)


def _last_tick(facts: Mapping[str, Any], limits: Limits) -> Check:
    age = facts["last_tick_age_seconds"]
    detail = (
        "No tick has finished yet."
        if age is None
        else f"The last tick finished {float(age):.0f} s ago."
    )
    return Check(
        name="last_tick", ok=age is not None and float(age) < limits.tick_seconds, detail=detail
    )


def _oldest_due(facts: Mapping[str, Any], limits: Limits) -> Check:
    """Cancels run under a global pause too; all else may wait then."""
    paused = bool(facts["paused"])
    age = (
        float(facts["oldest_cancel_age_seconds" if paused else "oldest_due_age_seconds"])
        / limits.rate
    )
    if paused and age <= 0:
        detail = "Nothing waits that may run." + _held(facts, limits)
    elif paused:
        detail = f"The oldest cancel that is due waits since {age:.0f} s." + _held(facts, limits)
    else:
        detail = (
            f"The oldest task that is due waits since {age:.0f} s."
            if age > 0
            else "Nothing that is due waits."
        )
    return Check(name="oldest_due", ok=age < OLDEST_DUE_SECONDS, detail=detail)


def _held(facts: Mapping[str, Any], limits: Limits) -> str:
    return f" Everything is paused since {float(facts['paused_seconds']) / limits.rate:.0f} s."


def _expired_leases(facts: Mapping[str, Any], limits: Limits) -> Check:
    lost, age = (
        int(facts["expired_leases"]) + int(facts["lost_messages"]),
        float(facts["oldest_lost_age_seconds"]),
    )
    detail = f"{lost} tasks were lost on the way or with whoever ran them" + (
        f", the oldest {age:.0f} s ago." if lost else "."
    )
    return Check(
        name="expired_leases", ok=lost <= MOST_LOST and age < limits.tick_seconds, detail=detail
    )


def _stuck_tasks(facts: Mapping[str, Any], limits: Limits) -> Check:
    """A task that is reclaimed again and again, because no code can plan it, has a good lease nearly all of the time."""
    age = float(facts["oldest_running_age_seconds"]) / limits.rate
    detail = f"The oldest task that runs was begun {age:.0f} s ago." if age > 0 else "Nothing runs."
    return Check(name="stuck_tasks", ok=age < OLDEST_RUNNING_SECONDS, detail=detail)


def _enough_concurrency(facts: Mapping[str, Any], limits: Limits) -> Check:
    backlog, paused = int(facts["due_backlog"]), bool(facts["paused"])
    enough = backlog <= limits.places * WAITING_PER_PLACE
    detail = f"{backlog} tasks are due and wait for {limits.places} places."
    detail += ("" if enough else " Raise MAX_CONCURRENT_TASKS.") + (
        _held(facts, limits) if paused else ""
    )
    return Check(name="enough_concurrency", ok=paused or enough, detail=detail, urgent=False)


def _last_maintenance(facts: Mapping[str, Any], limits: Limits) -> Check:
    age, failed = (
        float(facts["last_maintenance_age_seconds"]),
        list(facts["last_maintenance"].get("failed", ())),
    )
    detail = f"The last pass of maintenance, or the deployment, was {age:.0f} s ago."
    if failed:
        detail += f" These parts of it failed: {', '.join(failed)}."
    return Check(
        name="last_maintenance",
        ok=age < limits.maintenance_seconds and not failed,
        detail=detail,
        urgent=False,
    )


def _history(facts: Mapping[str, Any]) -> Check:
    ready = bool(facts["history_ready"])
    detail = (
        "Tomorrow's history has its partition."
        if ready
        else "Tomorrow's history has no partition yet: it would go into the default one."
    )
    return Check(name="history", ok=ready, detail=detail, urgent=False)


def _transactions(facts: Mapping[str, Any]) -> Check:
    age = float(facts["oldest_transaction_age_seconds"])
    detail = f"The oldest open transaction is {age:.0f} s old."
    fine = age < OLDEST_TRANSACTION_SECONDS
    return Check(
        name="transactions",
        ok=fine,
        detail=detail + ("" if fine else " It keeps the database from cleaning up after itself."),
        urgent=False,
    )
