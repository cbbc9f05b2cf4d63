"""Group commit: the decisions of several tasks in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from flamebot.domain.committed import CommitItem, Committed
from flamebot.domain.errors import StoreUnavailable
from flamebot.domain.message import TaskPointer
from flamebot.domain.service_call import CallCount
from flamebot.ports.clock import Clock
from flamebot.ports.telemetry import Telemetry
from flamebot.services.time_budget import TimeBudget

_FIRST_WAIT_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 2.0


class CommitStore(Protocol):
    """The part of the engine store that commits."""

    def commit_tasks(
        self, items: Sequence[CommitItem], calls: Sequence[CallCount] = ()
    ) -> list[Committed]:
        """Commit, all or nothing per item, and count calls to services. Repeatable."""
        ...


@dataclass(frozen=True, slots=True)
class CommitResult:
    """What a group commit did.

    Attributes:
        results: One per item, in the order of the items. None: it is not known whether the item
            was committed; the task is left to its lease, and its lock to expire.
        to_send: The tasks that the commit queued. They must be sent now.
    """

    results: list[Committed | None]
    to_send: list[TaskPointer]


class Committer:
    """Commits decisions together, so that none fails because of another."""

    def __init__(
        self, store: CommitStore, clock: Clock, telemetry: Telemetry, *, budget: TimeBudget
    ) -> None:
        """Take the store, and the time for which an unavailable database is retried."""
        self._store = store
        self._clock = clock
        self._telemetry = telemetry
        self._budget = budget

    def commit(self, items: Sequence[CommitItem], calls: Sequence[CallCount] = ()) -> CommitResult:
        """Commit decisions in as few transactions as possible; without items no call is made.

        Args:
            items: The decisions.
            calls: How the calls ended that they follow from, counted.
        """
        results = self._commit(items, calls) if items else []
        # guard: queued-is-returned
        return CommitResult(results, [c.send for c in results if c and c.send])

    # Guarantees that the loop builds on: every item has one result, in its place; an item whose
    # fence is stale is not accepted; and None is returned only if the outcome is unknown. An
    # exception that is not an `Exception` (a kill) leaves the group as it is.
    def _commit(
        self, items: Sequence[CommitItem], calls: Sequence[CallCount]
    ) -> list[Committed | None]:
        try:
            committed = {c.task_id: c for c in self._commit_with_retry(items, calls)}
        except StoreUnavailable:
            # The last try may have been committed although its reply was lost. To call the items
            # stale would release locks under which a reclaimed task acts.
            self._telemetry.warn("commit_unknown", tasks=[item.task_id for item in items])
            return [None for _ in items]  # guard: unknown-is-not-stale
        except Exception as error:  # noqa: BLE001  # the other items' work must be kept
            if len(items) > 1:  # guard: refused-group-is-split
                middle = len(items) // 2
                return [*self._commit(items[:middle], calls), *self._commit(items[middle:], ())]
            self._telemetry.warn(
                "commit_refused",
                task=items[0].task_id,
                fence=items[0].fence,
                error=type(error).__name__,
            )
            return [None]
        # An item without a row in the result was stale: another invocation has a newer fence.
        return [
            committed.get(item.task_id) or Committed(task_id=item.task_id, accepted=False)
            for item in items
        ]

    def _commit_with_retry(
        self, items: Sequence[CommitItem], calls: Sequence[CallCount]
    ) -> list[Committed]:
        """Repeat the commit while the database is unavailable and time is left.

        The effects have happened, so the results are worth the wait. Repeating is safe: a commit
        that went through before is accepted again.
        """
        wait = _FIRST_WAIT_SECONDS
        while True:
            try:
                return self._store.commit_tasks(items, calls)
            except StoreUnavailable:
                if not self._budget.may_commit_after(wait):  # guard: commit-is-repeated
                    raise
            self._clock.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
