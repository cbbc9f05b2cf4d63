"""The tick: reclaim crashed tasks, re-send lost ones, claim and send what falls due.

It executes no step. Everything that it sends was committed before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from flamebot.domain.errors import StoreUnavailable
from flamebot.domain.message import TaskPointer
from flamebot.domain.plan_context import GIVE_UP_AFTER
from flamebot.domain.service_call import Service
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import EngineStore
from flamebot.ports.queue import StepQueue
from flamebot.ports.telemetry import Telemetry
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.sending import send_in_waves, send_tasks
from flamebot.services.ticking.reclaim import Reclaim
from flamebot.services.time_budget import TimeBudget

_CHUNK = 1000  # rows per claim: a transaction of about 20 ms, a hundred messages

_WATCH_SECONDS = 5.0  # schedule time between two claims while a service is limited

Send = Callable[[Sequence[TaskPointer]], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TickReport:
    """What one tick did, in tasks and wall-clock seconds."""

    reclaimed: int
    resent: int
    claimed: int
    sent: int
    seconds: float


class DispatchDue:
    """Brings due tasks to the step queue."""

    def __init__(
        self,
        *,
        store: EngineStore,
        queue: StepQueue,
        catalog: DefinitionCatalog,
        clock: Clock,
        telemetry: Telemetry,
        give_up_after: timedelta = GIVE_UP_AFTER,
    ) -> None:
        """Take the ports; the catalog is for tasks that are reclaimed.

        `give_up_after` is how long a step waits for services. Schedule time.
        """
        self._store = store
        self._queue = queue
        self._clock = clock
        self._telemetry = telemetry
        self._reclaim = Reclaim(
            store=store,
            catalog=catalog,
            clock=clock,
            telemetry=telemetry,
            send=self._send,
            give_up_after=give_up_after,
        )

    def run(self) -> TickReport:
        """Do one tick. Raises `StoreUnavailable`.

        In this order: reclaimed and re-sent tasks are the oldest work there is.
        """
        started = self._clock.monotonic()
        budget = TimeBudget.starting_now(self._clock, TimeBudget.TICK_SECONDS)
        waves = TimeBudget.starting_now(self._clock, TimeBudget.TICK_WAVES_SECONDS)
        # Expired leases come first: those tasks are the most overdue, and claiming may use up the
        # whole budget under a backlog.
        reclaimed = self._reclaim.run(str(uuid4()), budget)  # guard: tick-reclaims
        resent, sent_again = self._drain(self._store.resend_expired, budget)  # guard: tick-resends

        def send_claimed(pointers: Sequence[TaskPointer]) -> int:
            return self._send(pointers) if waves.over else self._send_in_waves(pointers)

        claimed, sent = self._drain(self._claim_within_capacity(), budget, send_claimed)
        report = TickReport(
            reclaimed=reclaimed,
            resent=resent,
            claimed=claimed,
            sent=sent_again + sent,
            seconds=self._clock.monotonic() - started,
        )
        # The heartbeat is written last, so that a tick that dies on the way counts as missed.
        self._store.record_tick(claimed, report.sent, report.seconds)
        self._report(report)
        return report

    def watch(self, *, spent: float) -> int:
        """Claim again every few seconds while the breaker of a service limits what may begin.

        A breaker that is half open doubles its rate every ten seconds, and a service that is well
        again should not wait for the next tick.

        It ends before the next tick begins.

        Args:
            spent: The wall-clock seconds that this tick has used already.

        Returns:
            How many tasks were sent.
        """
        sent = 0
        budget = TimeBudget.starting_now(
            self._clock, TimeBudget.TICK_SECONDS / self._clock.rate - spent
        )
        claim = self._claim_within_capacity()
        wait = _WATCH_SECONDS / self._clock.rate
        # guard: tick-watches-limited-services
        while _limited(self._health()) and budget.remaining() > wait:
            self._clock.sleep(wait)
            sent += self._drain(claim, budget)[1]
        return sent

    def dispatch(self) -> int:
        """Claim and send what is due, for a request that cannot wait for the next tick.

        Returns:
            How many tasks were sent.
        """
        budget = TimeBudget.starting_now(self._clock, TimeBudget.DISPATCH_SECONDS)
        return self._drain(self._claim_within_capacity(), budget)[1]

    def _claim_within_capacity(self) -> Callable[[int], list[TaskPointer]]:
        """Return a claim that keeps to MAX_QUEUED_TASKS.

        Counting the tasks in flight costs more the more there are. They are counted once, and
        again only when that capacity is used up.
        """
        capacity = 0

        def claim(limit: int) -> list[TaskPointer]:
            nonlocal capacity
            # Two passes may count at the same moment and exceed the limit together. The limit
            # bounds a backlog and protects no invariant (docs/adr/0016).
            if capacity < limit:
                capacity = self._store.free_queue_capacity()
            if capacity <= 0:
                return []
            pointers = self._store.claim_due_tasks(min(limit, capacity))  # guard: claim-capacity
            capacity -= len(pointers)  # guard: claimed-uses-capacity
            return pointers

        return claim

    def _drain(
        self,
        take: Callable[[int], list[TaskPointer]],
        budget: TimeBudget,
        send: Send | None = None,
    ) -> tuple[int, int]:
        """Take tasks chunk by chunk and send each chunk after its commit.

        It ends when nothing is left, when the time is over, or when the queue does not accept a
        whole chunk: claiming more would only start leases that nothing uses.

        Returns:
            How many tasks were taken, and how many the queue accepted.
        """
        taken = sent = 0
        while not budget.over:  # guard: tick-ends-in-time
            pointers = take(_CHUNK)
            # The pointers are committed as queued. If the tick dies before it has sent them, they
            # are sent again under the same fence once their leases expire (I6).
            accepted = (send or self._send)(pointers)
            taken += len(pointers)
            sent += accepted
            # guard: unavailable-queue-stops-claims
            if len(pointers) < _CHUNK or accepted < len(pointers):
                break
        return taken, sent

    def _send(self, pointers: Sequence[TaskPointer]) -> int:
        return send_tasks(pointers, queue=self._queue, clock=self._clock, telemetry=self._telemetry)

    def _send_in_waves(self, pointers: Sequence[TaskPointer]) -> int:
        return send_in_waves(
            pointers, queue=self._queue, clock=self._clock, telemetry=self._telemetry
        )

    def _health(self) -> dict[str, Any] | None:
        try:
            return self._store.engine_health()
        except StoreUnavailable:
            return None  # the work is done; the next tick reports the backlog

    def _report(self, report: TickReport) -> None:
        telemetry = self._telemetry
        telemetry.count("TickHeartbeat")
        telemetry.seconds("TickDuration", report.seconds)
        telemetry.count("TasksClaimed", report.claimed)
        telemetry.count("LeasesExpired", report.reclaimed)
        health = self._health()
        if health is None:
            return
        telemetry.count("DueBacklog", health["due_backlog"])
        telemetry.seconds("OldestDueAge", health["oldest_due_age_seconds"] / self._clock.rate)
        for service in health["services"]:
            ours = service["name"] == Service.ACTIONS
            telemetry.count(
                "ActionsServiceOpen" if ours else "AiServiceOpen", service["state"] == "open"
            )
        telemetry.info(
            "tick",
            reclaimed=report.reclaimed,
            resent=report.resent,
            claimed=report.claimed,
            sent=report.sent,
        )


def _limited(health: dict[str, Any] | None) -> bool:
    """Return whether the breaker of a service limits what may begin."""
    return health is not None and any(s["per_second"] is not None for s in health["services"])
