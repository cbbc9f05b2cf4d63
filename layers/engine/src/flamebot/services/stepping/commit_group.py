"""Commit decisions together: one that is refused takes no other with it, and a database that is away for a moment loses none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flamebot.domain.errors import StoreUnavailable
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import CommitItem, Committed, EngineStore
from flamebot.ports.telemetry import Telemetry

_RESERVE_SECONDS = 5.0  # of the invocation, kept for what follows a commit


@dataclass(slots=True)
class _Entry:
    """One item on its way through."""

    item: CommitItem
    answer: Committed | None = None


class CommitGroup:
    """Commits for one invocation.

    An answer of None means that the commit's end is not known: the task is left to its lease, and its lock too.
    """

    def __init__(
        self,
        store: EngineStore,
        clock: Clock,
        telemetry: Telemetry,
        *,
        committed: Callable[[Sequence[Committed]], None],
        remaining: Callable[[], float],
    ) -> None:
        """Tell `committed` what each group did, right after it; give up a database that is down when `remaining()` runs out."""
        self._store = store
        self._clock = clock
        self._telemetry = telemetry
        self._committed = committed
        self._remaining = remaining

    def commit(self, items: Sequence[CommitItem]) -> list[Committed | None]:
        """Commit decisions; answers in the order given. None to commit is no call."""
        if not items:
            return []
        entries = [_Entry(item) for item in items]
        self._write(entries)
        answers = [entry.answer for entry in entries if entry.answer is not None]
        if answers:
            self._committed(answers)
        return [entry.answer for entry in entries]

    def _write(self, entries: Sequence[_Entry]) -> None:
        """One bad item must not take the others with it: a group that is refused is split in halves, down to one."""
        try:
            answers = {
                answer.task_id: answer for answer in self._insist([entry.item for entry in entries])
            }
        except StoreUnavailable:
            self._telemetry.warn("commit_unknown", tasks=[entry.item.task_id for entry in entries])
            return
        except Exception as error:  # noqa: BLE001  # whatever it is, the siblings' work must be kept
            if len(entries) > 1:
                middle = len(entries) // 2
                self._write(entries[:middle])
                self._write(entries[middle:])
                return
            item = entries[0].item
            self._telemetry.warn(
                "commit_refused", task=item.task_id, fence=item.fence, error=type(error).__name__
            )
            return
        for entry in entries:
            entry.answer = answers.get(entry.item.task_id) or Committed(
                task_id=entry.item.task_id, accepted=False
            )

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
