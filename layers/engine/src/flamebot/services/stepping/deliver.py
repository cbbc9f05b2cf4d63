"""One delivery of messages: when each of their tasks is begun, and what is committed together (docs/adr/0015)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import takewhile

from flamebot.domain.errors import FlamebotError, StoreUnavailable
from flamebot.domain.message import TaskPointer
from flamebot.domain.outcome import Defer
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import Begun, EngineStore
from flamebot.ports.locks import LockAnswer, Verdict
from flamebot.ports.telemetry import Telemetry
from flamebot.services.schedule_time import ScheduleTime
from flamebot.services.stepping.account_lock import AccountLock
from flamebot.services.stepping.commit_group import CommitGroup
from flamebot.services.stepping.outside import Outside
from flamebot.services.stepping.run_chain import Chain, Decided, RunChain
from flamebot.services.time_budget import Invocation

LONGEST_WAIT_SECONDS = (
    2.0  # what is due later than this is sent on; a message's delay leaves less than a second
)
_LOCK_TIMEOUT = timedelta(
    seconds=15
)  # real; a holder is done in seconds, or dead, and then its lock lapses
_MIN_LOCK_TIMEOUT = timedelta(seconds=1)
_MARGIN_SECONDS = 0.0002  # an early begin costs a statement; where two machines' clocks disagree by more, its answer says by how much
_QUIET_SECONDS = 0.005  # real; when nobody was heard for so long, nobody is about to be
_GATHERING_SECONDS = (
    0.05  # real, at most; a hundred siblings that compute on one processor were heard by then
)


@dataclass(
    frozen=True, slots=True, eq=False
)  # each is itself: comparing field by field cost a tenth of an invocation
class Delivered:
    """A pointer that came in a message, and its claim to the account's lock."""

    pointer: TaskPointer
    lock: AccountLock

    @property
    def sequence(self) -> int:
        """The task's place in its instance."""
        return int(self.pointer.task_id.rpartition(":")[2])


def _due(delivered: Delivered) -> datetime:
    return delivered.pointer.due


class Deliver:
    """Begins those that are due, at most as many as threads are free, and only while there is time; commits what they come to.

    All is decided on the thread that calls `run`; others wait for the outside. What is heard within a moment goes together: one
    statement begins, one commits. A lone task waits for nobody. What cannot be begun in time is left queued and sent on; a task
    that nobody begins is sent again after its lease.
    """

    def __init__(
        self,
        *,
        store: EngineStore,
        chain: RunChain,
        group: CommitGroup,
        outside: Outside,
        threads: int,
        send: Callable[[Sequence[TaskPointer]], object],
        clock: Clock,
        time: ScheduleTime,
        telemetry: Telemetry,
        invocation: Invocation,
        delivery_id: str,
    ) -> None:
        """Take the invocation's shared parts; `delivery_id` makes begin repeatable."""
        self._store = store
        self._chain = chain
        self._group = group
        self._outside = outside
        self._threads = threads
        self._send = send
        self._clock = clock
        self._time = time
        self._telemetry = telemetry
        self._invocation = invocation
        self._delivery_id = delivery_id
        self._waiting: list[Delivered] = []  # by due time
        self._under_way: set[Delivered] = (
            set()
        )  # each has a thread, or had one and is about to be begun or committed
        self._admitted: list[tuple[Delivered, Defer | None]] = []
        self._decided: list[tuple[Delivered, Chain, Decided]] = []
        self._begun = False
        self._given_up = False

    def run(self, delivered: Sequence[Delivered]) -> None:
        """Run them all, as far as time allows. Raises `StoreUnavailable` only when nothing was begun."""
        self._waiting = sorted(delivered, key=_due)
        self._send_on(
            [
                d
                for d in self._waiting
                if self._time.seconds_until(d.pointer.due) > LONGEST_WAIT_SECONDS
            ]
        )
        try:
            self._work_off()
        except Exception:
            self._begin_no_more()
            self._work_off()  # a thread that outlives its invocation is frozen, and would act long after its lease
            raise

    def _work_off(self) -> None:
        while self._waiting or self._under_way or self._outside.open:
            if not self._invocation.may_begin:
                self._send_on(self._waiting)
            self._admit()
            self._gather()
            self._commit()
            self._begin()

    @property
    def _free(self) -> int:
        """How many threads nobody has or is about to have. What is being sent or given back has one too."""
        return max(
            self._threads - len(self._under_way) - (self._outside.open - self._outside.awaited), 0
        )

    def _admit(self) -> None:
        """Take up what is due, as far as threads are free. Whoever writes asks for the account's lock first."""
        due = list(
            takewhile(
                lambda d: self._time.seconds_until(d.pointer.due) <= 0, self._waiting[: self._free]
            )
        )
        self._waiting = self._waiting[len(due) :]
        self._under_way.update(due)
        for d in due:
            if d.pointer.phase.writes:
                self._ask_for_lock(d)
            else:
                self._admitted.append((d, None))

    def _ask_for_lock(self, d: Delivered) -> None:
        broken = partial(self._broke, d, d.pointer.task_id)
        self._outside.ask(
            lambda: d.lock.take(d.sequence, d.pointer.fence),
            partial(self._answered, d),
            broken=broken,
        )

    def _answered(self, d: Delivered, lock: LockAnswer) -> None:
        """With the lock, begin. A duplicate's task is somebody else's.

        Whoever does not get the lock is begun too, to be put off: for how long a step may be is the planner's to say.
        """
        match lock.verdict:
            case Verdict.ACQUIRED:
                self._admitted.append((d, None))
            case Verdict.HELD:
                after = self._lock_patience(lock) * self._clock.rate
                self._admitted.append(
                    (d, Defer(after=after, reason="locked: the account's lock was not to be had"))
                )
            case Verdict.DUPLICATE:
                self._under_way.discard(d)

    def _lock_patience(self, answer: LockAnswer) -> timedelta:
        if answer.held_until is None:
            return _LOCK_TIMEOUT
        return min(max(answer.held_until - self._clock.wall(), _MIN_LOCK_TIMEOUT), _LOCK_TIMEOUT)

    def _gather(self) -> None:
        """Wait until somebody is heard or a task falls due; then for those who are about to be heard, a moment at most."""
        if not self._outside.open:
            if self._waiting and not self._admitted:
                self._clock.sleep(self._until_due())
            return
        if self._outside.hear(self._patience()):
            give_up = self._clock.monotonic() + _GATHERING_SECONDS
            while (
                self._outside.awaited
                and self._clock.monotonic() < give_up
                and self._outside.hear(_QUIET_SECONDS)
            ):
                pass

    def _patience(self) -> float | None:
        if self._admitted:
            return _QUIET_SECONDS if self._outside.awaited else 0.0
        return self._until_due() if self._waiting and self._free else None

    def _until_due(self) -> float:
        return max(self._time.seconds_until(self._waiting[0].pointer.due), 0.0) + _MARGIN_SECONDS

    def _begin(self) -> None:
        """Begin what was admitted: all in one statement."""
        admitted, self._admitted = dict(self._admitted), []
        self._under_way.difference_update(admitted)
        if not admitted:
            return
        if self._given_up:
            self._give_back(admitted)
            return
        if not self._invocation.may_begin:  # a commit waited for its database meanwhile
            self._send_on(list(admitted))
            return
        try:
            answers = {
                begun.task_id: begun
                for begun in self._store.begin_tasks(
                    [d.pointer for d in admitted], self._delivery_id
                )
            }
        except FlamebotError as error:
            self._give_back(admitted)  # no call was made, and none will be
            self._give_up(error)
            return
        for d, put_off in admitted.items():
            begun = answers.get(d.pointer.task_id)
            if begun is None:
                self._telemetry.info("not_begun", task=d.pointer.task_id, fence=d.pointer.fence)
                self._give_back([d])
                continue
            self._time.seen(begun.now)
            if begun.early:
                self._waiting = sorted(
                    [*self._waiting, d], key=_due
                )  # its lock is renewed when it is admitted again
                continue
            self._begun = True
            self._tell_lateness(begun)
            self._go_on(d, Chain(begun, d.lock, put_off))

    def _give_up(self, error: FlamebotError) -> None:
        """Without the database nothing more is begun: it is left to its lease, or to the message if that is all there is."""
        if isinstance(error, StoreUnavailable) and not self._begun:
            raise error
        self._telemetry.warn(
            "begin_failed", error=type(error).__name__, detail=error.detail, left=len(self._waiting)
        )
        self._begin_no_more()

    def _begin_no_more(self) -> None:
        self._give_back(self._waiting)  # what came early has its lock
        self._waiting, self._given_up = [], True

    def _tell_lateness(self, begun: Begun) -> None:
        if begun.task is not None:
            late = (begun.now - begun.task.scheduled_for).total_seconds() / self._clock.rate
            self._telemetry.seconds("DueLateness", max(late, 0.0), action=begun.task.action)

    def _go_on(self, d: Delivered, chain: Chain) -> None:
        def decided(answer: Decided) -> None:
            self._decided.append((d, chain, answer))

        self._under_way.add(d)
        self._outside.ask(
            lambda: self._chain.decide(chain),
            decided,
            broken=partial(self._broke, d, chain.begun.task_id),
        )

    def _commit(self) -> None:
        """Commit what was decided: all in one statement. A chain goes on, or gives its lock back if all is known."""
        decided, self._decided = self._decided, []
        self._under_way.difference_update(d for d, _, _ in decided)
        for (d, chain, one), committed in zip(
            decided, self._group.commit([one.item for _, _, one in decided]), strict=True
        ):
            try:
                goes_on = self._chain.conclude(chain, one, committed)
            except Exception as error:  # noqa: BLE001  # the siblings go on
                self._broke(d, one.task.task_id, error)
                continue
            if goes_on:
                self._go_on(d, chain)
            elif chain.settled:
                self._give_back([d])

    def _broke(self, d: Delivered, task_id: str, error: Exception) -> None:
        """The siblings go on; this task is left to its lease, and its lock too."""
        self._under_way.discard(d)
        self._telemetry.warn(
            "chain_broke",
            task=task_id,
            error=type(error).__name__,
            code=getattr(error, "code", None),
        )

    def _give_back(self, delivered: Iterable[Delivered]) -> None:
        for d in [d for d in delivered if d.lock.held]:
            self._outside.ask(d.lock.give_back, broken=partial(self._broke, d, d.pointer.task_id))

    def _send_on(self, delivered: Sequence[Delivered]) -> None:
        """Hand pointers back to the queue: the rows stay as they are, and a duplicate delivery does nothing."""
        leaving = set(delivered)
        self._waiting = [d for d in self._waiting if d not in leaving]
        pointers, held = [d.pointer for d in delivered], [d.lock for d in delivered if d.lock.held]

        def give_back() -> None:
            for lock in held:
                lock.give_back()

        if pointers:  # sent when the locks are free: who receives a message while its lock is ours takes itself for a duplicate
            self._outside.ask(
                give_back,
                lambda _: self._send(pointers),
                broken=partial(self._broke, delivered[0], pointers[0].task_id),
            )
