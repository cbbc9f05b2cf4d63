"""Commit decisions as they arrive, together with those that arrive while another commit is in flight, or are about to (docs/adr/0013)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from flamebot.domain.errors import StoreUnavailable
from flamebot.ports.clock import Clock
from flamebot.ports.store import CommitItem, Committed, TaskStore
from flamebot.ports.telemetry import Telemetry

_RESERVE_SECONDS = 5.0  # of the invocation, kept for what follows a commit
_GATHERING_SECONDS = 0.05  # real; a hundred siblings that compute on one processor have arrived by then


@dataclass(slots=True)
class _Entry:
    """One item on its way through; written by whichever thread commits it."""

    item: CommitItem
    answer: Committed | None = None


@dataclass(slots=True, eq=False)
class _Batch:
    """Entries that go together; the first one's thread commits them all."""

    ended: threading.Event
    entries: list[_Entry] = field(default_factory=list)


class CommitGroup:
    """Commits for the threads of one invocation.

    An answer of None means that the commit's end is not known: the task is left to its lease, and its lock too.
    """

    def __init__(
        self,
        store: TaskStore,
        clock: Clock,
        telemetry: Telemetry,
        *,
        committed: Callable[[Sequence[Committed]], None],
        remaining: Callable[[], float],
    ) -> None:
        """Tell `committed` what each batch did, right after it; give up a database that is down when `remaining()` runs out."""
        self._store = store
        self._clock = clock
        self._telemetry = telemetry
        self._committed = committed
        self._remaining = remaining
        self._open = _Batch(threading.Event())
        self._computing = 0
        self._all_here = threading.Event()
        self._all_here.set()
        self._guard = threading.Lock()
        self._turn = threading.Lock()

    def expect(self, chains: int = 1) -> None:
        """So many chains compute and will commit soon: whoever commits waits for them, a moment at most."""
        with self._guard:
            self._computing += chains
            self._all_here.clear()

    def leave(self) -> None:
        """A chain that was expected waits for something else, or has ended."""
        with self._guard:
            self._left()

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Around what a chain waits for: nobody waits for it meanwhile."""
        self.leave()
        try:
            yield
        finally:
            self.expect()

    def commit(self, item: CommitItem) -> Committed | None:
        """Commit one decision, and with it those that arrive before its turn comes."""
        entry = _Entry(item)
        with self._guard:
            batch = self._open
            batch.entries.append(entry)
            self._left()
        if batch.entries[0] is not entry:
            batch.ended.wait()
            return entry.answer
        try:
            with self._turn:
                self._all_here.wait(_GATHERING_SECONDS)
                with self._guard:
                    self._open = _Batch(threading.Event())
                self._write(batch.entries)
        finally:
            self.expect(len(batch.entries))
            batch.ended.set()
        answers = [each.answer for each in batch.entries if each.answer is not None]
        if answers:
            self._committed(answers)
        return entry.answer

    def _left(self) -> None:
        self._computing -= 1
        if self._computing <= 0:
            self._all_here.set()

    def commit_all(self, items: Sequence[CommitItem]) -> list[Committed | None]:
        """Commit decisions that were made together; answers in the order given. None to commit is no call."""
        if not items:
            return []
        entries = [_Entry(item) for item in items]
        with self._turn:
            self._write(entries)
        answers = [entry.answer for entry in entries if entry.answer is not None]
        if answers:
            self._committed(answers)
        return [entry.answer for entry in entries]

    def _write(self, batch: Sequence[_Entry]) -> None:
        """One bad item must not take the others with it: a batch that is refused is split in halves, down to one."""
        try:
            answers = {answer.task_id: answer for answer in self._insist([entry.item for entry in batch])}
        except StoreUnavailable:
            self._telemetry.warn("commit_unknown", tasks=[entry.item.task_id for entry in batch])
            return
        except Exception as error:  # noqa: BLE001  # whatever it is, the siblings' work must be kept
            if len(batch) > 1:
                middle = len(batch) // 2
                self._write(batch[:middle])
                self._write(batch[middle:])
                return
            item = batch[0].item
            self._telemetry.warn("commit_refused", task=item.task_id, fence=item.fence, error=type(error).__name__)
            return
        for entry in batch:
            entry.answer = answers.get(entry.item.task_id) or Committed(task_id=entry.item.task_id, accepted=False)

    def _insist(self, items: Sequence[CommitItem]) -> list[Committed]:
        """Call again while the database is away: the effect has happened, and a commit says the same when it is repeated."""
        wait = 0.2
        while True:
            try:
                return self._store.commit_tasks(items)
            except StoreUnavailable:
                if self._remaining() < wait + _RESERVE_SECONDS:
                    raise
            self._clock.sleep(wait)
            wait = min(2 * wait, 2.0)
