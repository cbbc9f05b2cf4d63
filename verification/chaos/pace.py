"""The speed of a run: clock, leases, nemesis, and the evidence that the run needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from devstack.aws.ticker import TICK_GAP_SECONDS

Kind = Literal[
    "kill step",
    "kill tick",
    "kill api",
    "kill import",
    "kill stack",
    "freeze step",
    "freeze tick",
    "freeze stack",
    "restart postgres",
    "purge queue",
    "double messages",
    "wipe locks",
    "kill emulator",
    "kill service",
    "service faults",
]
Seconds = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Durations in wall-clock seconds. `speed` is schedule seconds per wall-clock second."""

    speed: float
    lease: int
    lock: int  # not less than the lease
    call: int  # timeout of a call at the service
    latency: float  # latency of each call at the service: work in flight, for strikes to hit
    slow: float  # delay of a slow response; shorter than a lease
    portion: int  # accounts per import
    gap: float  # least time between two imports
    at_once: int  # live workflows; the emulator's queue becomes slow when it is long
    lost: float  # probability that the proxy loses a statement, and that it loses a result
    between: Mapping[
        Kind, Seconds
        # time between two strikes of a kind and before the first; a kind without an entry does not
        # strike
    ]
    most: Mapping[Kind, int] = field(
        default_factory=dict
    )  # number of strikes of a kind; unlimited without an entry
    least: Mapping[str, int]  # evidence of each kind; with less the run is invalid
    peace: float  # the share of finished workflows at which the strikes end
    # after which the strikes end even without enough evidence; longer on a slow machine
    limit: float
    settle_timeout: float  # without any progress after that

    @property
    def tick(self) -> float:
        """Return the time between two ticks."""
        return max(60 / self.speed, TICK_GAP_SECONDS)

    def missing(self, evidence: Mapping[str, int], *, at_work: bool) -> list[str]:
        """Return why a run proves nothing: too few faults hit, or no work was left.

        Empty if it counts.
        """
        short = [
            f"{what}: {evidence.get(what, 0)} of {least}"
            for what, least in self.least.items()
            if evidence.get(what, 0) < least
        ]
        return short if at_work else [*short, "no work was left when the strikes ended"]

    def environment(self) -> dict[str, str]:
        """Return the stack's variables.

        Limits are high: no workflow may fail because of strikes.
        """
        return {
            "TASK_LEASE_SECONDS": str(self.lease),
            "LOCK_TIMEOUT_SECONDS": str(self.lock),
            "CALL_TIMEOUT_SECONDS": str(self.call),
            "MAX_CONCURRENT_TASKS": "20",
            "STEP_THREADS": "5",
            "MAX_ATTEMPTS": str(MAX_ATTEMPTS),
            "MAX_RECLAIMS": str(MAX_RECLAIMS),
            "RETRY_BASE_SECONDS": "10",
            "RETRY_CAP_SECONDS": "60",
        }


MAX_ATTEMPTS, MAX_RECLAIMS = 60, 20

_LONG: dict[Kind, Seconds] = {
    "kill step": (5, 11),
    "kill tick": (8, 16),
    "kill api": (10, 25),
    "kill import": (10, 25),
    "kill stack": (60, 120),
    "freeze step": (8, 18),
    "freeze tick": (90, 150),
    "freeze stack": (100, 180),
    "restart postgres": (5, 20),
    "purge queue": (45, 90),
    "double messages": (3, 8),
    "wipe locks": (15, 30),
    "kill emulator": (90, 150),
    "kill service": (40, 80),
    "service faults": (2, 5),
}


def long_pace(workflows: int) -> Pace:
    """Return the pace of a run of minutes to an hour.

    Required evidence grows with the workflows.
    """
    share = min(workflows, 12_000) / 12_000

    def least(of_twelve_thousand: int) -> int:
        return max(1, round(of_twelve_thousand * share))

    return Pace(
        speed=30,
        lease=12,
        lock=24,
        call=4,
        latency=0.2,
        slow=6.0,
        portion=50,
        gap=6.0,
        at_once=300,
        lost=0.02,
        between=_LONG,
        least={
            "kill step": least(200),
            "kill tick": least(80),
            "kill api": least(40),
            "kill import": least(20),
            "kill stack": least(15),
            "freeze step": least(90),
            "freeze tick": least(12),
            "freeze stack": least(6),
            "restart postgres": least(80),
            "purge queue": least(25),
            "double messages": least(150),
            "wipe locks": least(40),
            "kill emulator": least(15),
            "kill service": least(15),
            "commit_tasks: statement lost": least(100),
            "commit_tasks: answer lost": least(100),
            "begin_tasks: statement lost": least(60),
            "begin_tasks: answer lost": least(60),
            "service: drop": least(60),
            "service: unavailable": least(60),
            "service: throttle": least(60),
            "service: slow": least(60),
            "service: reset": least(60),
            "reclaimed": least(150),
            "stale commit refused": least(20),
        },
        peace=0.9,
        limit=900.0 + workflows * 0.3,
        settle_timeout=300.0,
    )


# after this time the strikes end, however slow the machine is
_ONCE_OR_TWICE: dict[Kind, int] = {
    "kill step": 4,
    "kill tick": 2,
    "kill api": 1,
    "kill import": 1,
    "kill stack": 1,
    "freeze step": 2,
    "restart postgres": 3,
    "purge queue": 2,
    "double messages": 4,
    "wipe locks": 2,
    "kill emulator": 1,
    "kill service": 1,
    "service faults": 8,
}

SMOKE = Pace(
    speed=120,
    lease=6,
    lock=6,
    call=2,
    latency=0.2,
    slow=2.5,
    portion=20,
    gap=3.0,
    at_once=200,
    lost=0.04,
    between={
        "kill step": (2, 4),
        "kill tick": (3, 5),
        "kill api": (4, 6),
        "kill import": (3, 5),
        "kill stack": (12, 13),
        "freeze step": (1, 3),
        "restart postgres": (4, 6),
        "purge queue": (5, 6),
        "double messages": (2, 3),
        "wipe locks": (3, 4),
        "kill emulator": (7, 8),
        "kill service": (6, 7),
        "service faults": (1, 2),
    },
    most=_ONCE_OR_TWICE,
    least={
        "kill step": 2,
        "kill stack": 1,
        "freeze step": 1,
        "restart postgres": 1,
        "purge queue": 1,
        "double messages": 1,
        "wipe locks": 1,
        "kill emulator": 1,
        "commit_tasks: answer lost": 1,
        "commit_tasks: statement lost": 1,
    },
    peace=0.3,
    limit=60.0,
    settle_timeout=60.0,
)
