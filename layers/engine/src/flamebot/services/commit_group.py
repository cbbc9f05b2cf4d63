"""Commit decisions as they arrive, together with whatever else waits while another commit is in flight."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flamebot.domain.errors import StoreUnavailable
from flamebot.ports.clock import Clock
from flamebot.ports.store import CommitItem, Committed, TaskStore
from flamebot.ports.telemetry import Telemetry

_RESERVE_SECONDS = 5.0  # of the invocation, kept for what follows a commit


@dataclass(slots=True)
class _Entry:
    """One item on its way through; written by whichever thread commits it."""

    item: CommitItem
    answer: Committed | None = None
    ended: bool = False


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
        self._waiting: list[_Entry] = []
        self._guard = threading.Lock()
        self._turn = threading.Lock()

    def commit(self, item: CommitItem) -> Committed | None:
        """Commit one decision, and with it those that came while the turn was somebody else's."""
        entry = _Entry(item)
        with self._guard:
            self._waiting.append(entry)
        batch: list[_Entry] = []
        with self._turn:
            if not entry.ended:
                with self._guard:
                    batch, self._waiting = self._waiting, []
                try:
                    self._write(batch)
                finally:
                    for each in batch:
                        each.ended = True
        answers = [each.answer for each in batch if each.answer is not None]
        if answers:
            self._committed(answers)
        return entry.answer

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
