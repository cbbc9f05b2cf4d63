"""Kinds of faults. Each seed enables a kind with p = 0.25; enabled kinds then fire at random."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Literal

Mode = Literal["none", "one", "no verdict", "many"]
# Faults that say nothing about the work: none of them may fail a workflow.
NO_VERDICT = (
    "ai.throttled",
    "ai.down",
    "service.down",
    "service.transient",
    "service.lost_then_conflict",
)

_PORT = ("freeze", "death_before", "death_after")
KINDS: tuple[str, ...] = (
    # Postgres: the statement did not run; it ran and the reply was lost; it runs later or never
    # and the caller does not know;
    # rolled back by the server; cancelled by its timeout; a failover leaves a replica;
    # connections are refused for a while.
    *(
        f"postgres.{name}"
        for name in (
            "fail_before",
            "lost_reply",
            "late",
            "rolled_back",
            "cancelled",
            "read_only",
            "refused",
            *_PORT,
        )
    ),
    *(f"dynamodb.{name}" for name in ("fail_before", "lost_reply", "throttled", *_PORT)),
    *(f"sqs.{name}" for name in ("fail_before", "lost_reply", "throttled", "partial", *_PORT)),
    *(f"kms.{name}" for name in ("fail_before", "throttled", *_PORT)),
    *(
        f"service.{name}"
        for name in (
            "refused",
            "unavailable",
            "throttled",
            "throttled_without_word",
            "timeout_before",
            "timeout_after",
        )
    ),
    *(
        f"service.{name}"
        for name in (
            "late_arrival",
            "slow",
            "reset_after",
            "error_after",
            "malformed",
            "huge",
            "refuses",
            "transient",  # a 4xx that says nothing about the work: 401, 403, 408, 423, 425
            "lost_then_conflict",  # the response is lost, and its repetition gets 409
            *_PORT,
        )
    ),
    *(f"service.{name}" for name in ("job_fails", "job_cancelled", "job_never_ends", "suspended")),
    "ai.throttled",
    # For minutes no call gets a response that says what happened.
    "service.down",
    "ai.down",
    "queue.duplicated",
    "queue.delayed",
    "queue.lost",
    "queue.purged",
    "queue.redriven",
    "queue.dead",
    "locks.wiped",
    "tick.missed",
    "tick.doubled",
    "tick.late",
    "tick.outage",
    "tick.lost_day",
    "clock.skew",
    "task.poison",  # every process that works for one account dies, several times in a row
    "maintenance.at_any_moment",
    "client.lost_answer",  # an import or a control call took effect, and its response was lost
)
# A fault that ends or stops a whole process or the whole system fires less often than one that
# spoils a single call.
_SELDOM = {
    "freeze": 0.15,
    "death_before": 0.25,
    "death_after": 0.25,
    "late": 0.5,
    "read_only": 0.2,
    "refused": 0.2,
}
_RARE = {
    "queue.purged": 0.2,
    "service.down": 0.1,
    "locks.wiped": 0.5,
    "service.suspended": 0.5,
}


class Faults:
    """The kinds of faults that one seed may fire."""

    def __init__(self, rng: Random) -> None:
        self._rng = Random(rng.random())
        self.fired: Counter[str] = Counter()
        self.on = True
        chance = self._rng.random()
        modes: tuple[tuple[Mode, float], ...] = (("none", 0.1), ("one", 0.2), ("no verdict", 0.25))
        self.mode: Mode = next((mode for mode, below in modes if chance < below), "many")
        self._rates: dict[str, float] = {}
        if self.mode == "one":
            kind = self._rng.choice(KINDS)
            self._rates[kind] = self._scaled(kind, self._rng.uniform(0.3, 0.6))
        elif self.mode == "no verdict":
            self._rates = {
                kind: self._scaled(kind, self._rng.uniform(0.1, 0.5)) for kind in NO_VERDICT
            }
        elif self.mode == "many":
            for kind in KINDS:
                active, rate = self._rng.random() < 0.25, self._rng.uniform(0.01, 0.25)
                if active:
                    self._rates[kind] = self._scaled(kind, rate)

    @staticmethod
    def _scaled(kind: str, rate: float) -> float:
        return rate * _SELDOM.get(kind.partition(".")[2], 1.0) * _RARE.get(kind, 1.0)

    @property
    def enabled(self) -> tuple[str, ...]:
        """The kinds that this seed may fire."""
        return tuple(self._rates)

    def active(self, kind: str) -> bool:
        """Return whether a kind of fault is enabled for this seed and not yet switched off."""
        return self.on and kind in self._rates

    def fires(self, kind: str) -> bool:
        """Return whether a fault fires at this opportunity."""
        rate = self._rates.get(kind)
        if rate is None or not self.on or self._rng.random() >= rate:
            return False
        self.fired[kind] += 1
        return True

    def befalls(self, kind: str, chance: float) -> bool:
        """Return whether a fault that concerns the whole seed is enabled."""
        if self.mode in ("none", "no verdict") or self._rng.random() >= chance:
            return False
        self.fired[kind] += 1
        return True

    def first(self, *kinds: str) -> str | None:
        """Return the first of several kinds that fires here, without its port's name."""
        for kind in kinds:
            if self.fires(kind):
                return kind.partition(".")[2]
        return None
