"""The limits of the health check, with their reasons, and the checks of the figures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flamebot.services.maintenance.check import Check
from flamebot.services.maintenance.service_checks import failing_workflows, service_checks

# Schedule time: a rule fires anywhere within its minute, and a tick may take another one.
OLDEST_TICK_SECONDS = 180
# Wall time: on a fast clock a tick takes as long as on a real one.
MIN_TICK_SECONDS = 30
# Wall time; ages in schedule time are divided by the clock's rate.
OLDEST_DUE_SECONDS = 300
# Likewise. After a lease, a tick and a commit no task is running as it was begun.
OLDEST_RUNNING_SECONDS = 300
# A crash leaves a handful until the next tick; more means that the ticks are not keeping pace.
MAX_EXPIRED = 20
# Per effect that runs at once. An effect takes a second or two, so more tasks wait for minutes.
MAX_BACKLOG_PER_SLOT = 60
# Wall time after a global pause in which its work may still be late, if it lasted as long.
MAX_RESUME_GRACE_SECONDS = 3600
# Wall time beyond two periods: a pass takes up to 50 s.
MAINTENANCE_GRACE_SECONDS = 60
# Wall time: every role's statement timeout is at most a minute.
OLDEST_TRANSACTION_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The settings that limits depend on. `rate`: schedule seconds per wall-clock second."""

    max_concurrent_tasks: int
    maintenance_period: timedelta  # schedule time
    rate: float

    @property
    def tick_seconds(self) -> float:
        """Return the wall-clock seconds after which a tick is overdue.

        After as long, a tick has had its chance to reclaim a lease that expired.
        """
        return max(OLDEST_TICK_SECONDS / self.rate, MIN_TICK_SECONDS)

    @property
    def maintenance_seconds(self) -> float:
        """Return the wall-clock seconds after which a maintenance pass is overdue."""
        return 2 * self.maintenance_period.total_seconds() / self.rate + MAINTENANCE_GRACE_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """The end of the latest global pause, in wall-clock seconds."""

    age: float  # since the pause ended; infinite if there was none
    paused: float  # for how long

    @classmethod
    def of(cls, facts: Mapping[str, Any], rate: float) -> Resumption:
        """Read it from what `engine_health` returned."""
        age = facts.get("resumed_age_seconds")
        if age is None or facts["paused"]:
            return cls(age=math.inf, paused=0.0)
        length = float(facts["resumed_after_seconds"]) / rate
        return cls(age=max(float(age) / rate, 0.0), paused=length)

    @property
    def limit(self) -> float:
        """Return for how long a due task may wait now.

        An engine that keeps pace has spare time. With as much of it as of work, it does what fell
        due in a pause within the pause's length.
        """
        grace = min(self.paused, MAX_RESUME_GRACE_SECONDS)
        late = self.age < OLDEST_DUE_SECONDS + grace
        return OLDEST_DUE_SECONDS + (grace if late else 0.0)

    def waiting(self, age: float) -> float:
        """Return for how long the engine could have begun a task that fell due so long ago."""
        # Only the part of the pause in which the task was due: a short pause hides no lateness.
        return age - min(self.paused, max(age - self.age, 0.0))

    @property
    def text(self) -> str:
        """Return a sentence for details while the work of the pause may be late."""
        if self.age >= self.limit:
            return ""
        return f" A global pause of {self.paused:.0f} s ended {self.age:.0f} s ago."


def evaluate(facts: Mapping[str, Any], limits: Limits) -> tuple[Check, ...]:
    """Return the checks of the figures that `engine_health` returned."""
    maintenance = facts["last_maintenance"]
    return (
        _last_tick(facts, limits),
        _oldest_due(facts, limits),
        _expired_leases(facts, limits),
        _stuck_tasks(facts, limits),
        orphaned_workflows(int(maintenance.get("orphaned_workflows", 0))),
        _enough_concurrency(facts, limits),
        *service_checks(facts),
        failing_workflows(facts),
        _last_maintenance(facts, limits),
        _history(facts),
        _transactions(facts),
    )


def orphaned_workflows(found: int) -> Check:
    """Return the check of I2. Only maintenance searches: it reads every live workflow."""
    detail = (
        f"{found} live workflows have no live task and would never continue (I2)."
        if found
        else "Every live workflow has a live task."
    )
    return Check(name="orphaned_workflows", ok=not found, detail=detail)


def _last_tick(facts: Mapping[str, Any], limits: Limits) -> Check:
    age = facts["last_tick_age_seconds"]
    detail = (
        "No tick has finished yet."
        if age is None
        else f"Last tick finished {float(age):.0f} s ago."
    )
    return Check(
        name="last_tick", ok=age is not None and float(age) < limits.tick_seconds, detail=detail
    )


def _oldest_due(facts: Mapping[str, Any], limits: Limits) -> Check:
    """Check the oldest task that may run: under a global pause only cancels may."""
    paused = bool(facts["paused"])
    seconds = facts["oldest_cancel_age_seconds" if paused else "oldest_due_age_seconds"]
    resumed = Resumption.of(facts, limits.rate)
    age = resumed.waiting(float(seconds) / limits.rate)
    kind = "cancel" if paused else "task"
    detail = (
        f"Oldest due {kind} has been waiting for {age:.0f} s." if age > 0 else f"No {kind} is due."
    )
    detail += _paused(facts, limits) + (resumed.text if age > 0 else "")
    return Check(name="oldest_due", ok=age < resumed.limit, detail=detail)


def _paused(facts: Mapping[str, Any], limits: Limits) -> str:
    if not facts["paused"]:
        return ""
    return f" Paused globally for {float(facts['paused_seconds']) / limits.rate:.0f} s."


def _expired_leases(facts: Mapping[str, Any], limits: Limits) -> Check:
    """Check running tasks and queued messages whose lease expired: the tick handles both."""
    expired = int(facts["expired_leases"]) + int(facts["undelivered_messages"])
    age = float(facts["oldest_expired_age_seconds"])
    detail = (
        f"{expired} leases have expired, the oldest {age:.0f} s ago."
        if expired
        else "No lease has expired."
    )
    # Messages whose leases expired in a global pause are sent again by the next tick.
    resumed = Resumption.of(facts, limits.rate).age < limits.tick_seconds
    return Check(
        name="expired_leases",
        ok=resumed or (expired <= MAX_EXPIRED and age < limits.tick_seconds),
        detail=detail,
    )


def _stuck_tasks(facts: Mapping[str, Any], limits: Limits) -> Check:
    """Check the oldest running task by when it began, not by its lease.

    A task that no code can plan is reclaimed again and again, so its lease is valid nearly always.
    """
    age = float(facts["oldest_running_age_seconds"]) / limits.rate
    detail = f"Oldest running task began {age:.0f} s ago." if age > 0 else "No task is running."
    return Check(name="stuck_tasks", ok=age < OLDEST_RUNNING_SECONDS, detail=detail)


def _enough_concurrency(facts: Mapping[str, Any], limits: Limits) -> Check:
    backlog, paused = int(facts["due_backlog"]), bool(facts["paused"])
    enough = backlog <= limits.max_concurrent_tasks * MAX_BACKLOG_PER_SLOT
    after_pause = Resumption.of(facts, limits.rate).text
    detail = f"{backlog} tasks are due; {limits.max_concurrent_tasks} can run at once."
    if not enough:
        detail += after_pause or " Raise MAX_CONCURRENT_TASKS."
    return Check(
        name="enough_concurrency",
        ok=paused or enough or bool(after_pause),
        detail=detail + _paused(facts, limits),
        urgent=False,
    )


def _last_maintenance(facts: Mapping[str, Any], limits: Limits) -> Check:
    age = float(facts["last_maintenance_age_seconds"])
    failed = list(facts["last_maintenance"].get("failed", ()))
    detail = f"Last maintenance pass or deployment was {age:.0f} s ago."
    if failed:
        detail += f" Failed parts: {', '.join(failed)}."
    return Check(
        name="last_maintenance",
        ok=age < limits.maintenance_seconds and not failed,
        detail=detail,
        urgent=False,
    )


def _history(facts: Mapping[str, Any]) -> Check:
    ready = bool(facts["history_ready"])
    detail = (
        "Tomorrow's history partition exists."
        if ready
        else "Tomorrow's history partition is missing; rows would go to the default partition."
    )
    return Check(name="history", ok=ready, detail=detail, urgent=False)


def _transactions(facts: Mapping[str, Any]) -> Check:
    age = float(facts["oldest_transaction_age_seconds"])
    ok = age < OLDEST_TRANSACTION_SECONDS
    detail = f"Oldest open transaction is {age:.0f} s old."
    return Check(
        name="transactions",
        ok=ok,
        detail=detail if ok else f"{detail} Vacuum cannot remove rows that it may still read.",
        urgent=False,
    )
