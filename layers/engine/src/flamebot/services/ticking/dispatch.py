"""The tick: reclaim what crashed, send again what got lost, claim what falls due and send it. It runs no step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import uuid4

from flamebot.domain.errors import StoreUnavailable
from flamebot.domain.message import TaskPointer
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import EngineStore
from flamebot.ports.queue import StepQueue
from flamebot.ports.telemetry import Telemetry
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.sending import send_in_waves, send_tasks
from flamebot.services.ticking.reclaim import Reclaim

_CHUNK = 1000  # one claim's rows: a transaction of some 20 ms, a hundred messages
_SECONDS = 40.0  # real; the next tick goes on where this one stopped
_LEISURE_SECONDS = 12.0  # real; a chunk that is sent when whole seconds are left takes up to one: after this, a tick has too many for that
_DISPATCH_SECONDS = 10.0  # of an API call, which answers within 29 s


@dataclass(frozen=True, slots=True, kw_only=True)
class TickReport:
    """What one tick did, in tasks and wall-clock seconds."""

    reclaimed: int
    resent: int
    claimed: int
    sent: int
    seconds: float


class DispatchDue:
    """Brings due tasks to the step queue. What is sent was committed before."""

    def __init__(
        self,
        *,
        store: EngineStore,
        queue: StepQueue,
        catalog: DefinitionCatalog,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        """Take the ports; nothing is done yet."""
        self._store = store
        self._queue = queue
        self._clock = clock
        self._telemetry = telemetry
        self._reclaim = Reclaim(
            store=store, catalog=catalog, clock=clock, telemetry=telemetry, send=self._send
        )

    def run(self) -> TickReport:
        """Do one tick, for at most 40 seconds. Raises `StoreUnavailable`."""
        started = self._clock.monotonic()

        def remaining() -> float:
            return _SECONDS - (self._clock.monotonic() - started)

        reclaimed = self._reclaim.run(str(uuid4()), remaining)
        resent, sent_again = self._drain(self._store.resend_expired, remaining)

        def send_claimed(pointers: Sequence[TaskPointer]) -> int:
            at_leisure = self._clock.monotonic() - started < _LEISURE_SECONDS
            return self._send_in_waves(pointers) if at_leisure else self._send(pointers)

        claimed, sent = self._drain(self._claim_within_room(), remaining, send_claimed)
        seconds = self._clock.monotonic() - started
        report = TickReport(
            reclaimed=reclaimed,
            resent=resent,
            claimed=claimed,
            sent=sent_again + sent,
            seconds=seconds,
        )
        self._store.record_tick(claimed, report.sent, seconds)
        self._tell(report)
        return report

    def dispatch(self) -> int:
        """Claim and send what is due, for a caller that cannot wait for the tick. Answers how many tasks were sent."""
        started = self._clock.monotonic()
        return self._drain(
            self._claim_within_room(),
            lambda: _DISPATCH_SECONDS - (self._clock.monotonic() - started),
        )[1]

    def _claim_within_room(self) -> Callable[[int], list[TaskPointer]]:
        """A claim that keeps to MAX_QUEUED_TASKS. What is in flight is counted at first, and again only when that room is used up."""
        room = 0

        def claim(limit: int) -> list[TaskPointer]:
            nonlocal room
            if room < limit:
                room = self._store.free_queue_capacity()
            pointers = self._store.claim_due_tasks(min(limit, room)) if room > 0 else []
            room -= len(pointers)
            return pointers

        return claim

    def _drain(
        self,
        verb: Callable[[int], list[TaskPointer]],
        remaining: Callable[[], float],
        send: Callable[[Sequence[TaskPointer]], int] | None = None,
    ) -> tuple[int, int]:
        """Call a verb chunk by chunk, sending after each commit, until nothing is left, time is over or the queue is down."""
        found = sent = 0
        while remaining() > 0:
            pointers = verb(_CHUNK)
            accepted = (send or self._send)(pointers)
            found += len(pointers)
            sent += accepted
            if len(pointers) < _CHUNK or accepted < len(pointers):
                break
        return found, sent

    def _send(self, pointers: Sequence[TaskPointer]) -> int:
        return send_tasks(pointers, queue=self._queue, clock=self._clock, telemetry=self._telemetry)

    def _send_in_waves(self, pointers: Sequence[TaskPointer]) -> int:
        return send_in_waves(
            pointers, queue=self._queue, clock=self._clock, telemetry=self._telemetry
        )

    def _tell(self, report: TickReport) -> None:
        telemetry = self._telemetry
        telemetry.count("TickHeartbeat")
        telemetry.seconds("TickDuration", report.seconds)
        telemetry.count("TasksClaimed", report.claimed)
        telemetry.count("LeasesExpired", report.reclaimed)
        try:
            health = self._store.engine_health()
        except StoreUnavailable:
            return  # the work is done; the next tick tells how much is left
        telemetry.count("DueBacklog", health["due_backlog"])
        telemetry.seconds("OldestDueAge", health["oldest_due_age_seconds"] / self._clock.rate)
        telemetry.info(
            "tick",
            reclaimed=report.reclaimed,
            resent=report.resent,
            claimed=report.claimed,
            sent=report.sent,
        )
