"""What the actions service's ledger proves about order.

Overlapping writes, and writes that began too late.

Fences grow with every begin over all accounts. A write with a higher fence therefore bounds when a
lower fence was assigned: before that write started. A write of a process that was frozen past its
lease is recognised in this way.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise

from tests.e2e.local_stack import Json
from verification.chaos.workload import Pause

EFFECTS = frozenset({"updatePrompt", "updateBio", "startSwipeTask"})
_CLOCKS = 0.05  # seconds by which two reads of the same clock may differ


class FenceTimes:
    """The latest moment at which a fence can have been assigned."""

    def __init__(self, writes: Iterable[Json]) -> None:
        """Take all writes of all accounts."""
        known: list[tuple[int, float]] = sorted(
            (write["fence"], write["startedAt"]) for write in writes if write["fence"] is not None
        )
        self._fences = [fence for fence, _ in known]
        self._latest = list(accumulate((moment for _, moment in reversed(known)), min))[::-1]

    def latest(self, fence: int) -> float:
        """Return wall time in seconds since the epoch."""
        return self._latest[bisect.bisect_left(self._fences, fence)]


def unexplained_overlaps(
    writes: Sequence[Json], lease: float
) -> tuple[list[tuple[Json, Json]], int]:
    """I4: return pairs of writes for one account that overlapped while the first one's lease held.

    A repetition under the same key is no overlap, nor is a first write whose key the service has
    answered meanwhile. Also returns the number of overlaps whose lease had expired.
    """
    times = FenceTimes(writes)
    answered: dict[str, float] = {}
    for write in writes:
        if write["key"] and write["status"] in (200, 202):
            answered[write["key"]] = min(write["endedAt"], answered.get(write["key"], float("inf")))
    by_account: dict[str, list[Json]] = defaultdict(list)
    for write in writes:
        by_account[write["account"]].append(write)
    found, lapsed = [], 0
    for own in by_account.values():
        for one, other in pairwise(sorted(own, key=lambda write: write["startedAt"])):
            over = min(one["endedAt"], answered.get(one["key"] or "", float("inf")))
            if one["key"] == other["key"] or other["startedAt"] >= over - _CLOCKS:
                continue
            if (
                one["fence"] is not None
                and other["startedAt"] - times.latest(one["fence"]) >= lease - _CLOCKS
            ):
                lapsed += 1
            else:
                found.append((one, other))
    return found, lapsed


def effects_begun_while_paused(
    writes: Sequence[Json], pauses: Sequence[Pause]
) -> tuple[list[Json], int]:
    """I7: return effects that began during a pause that was acknowledged with nothing in flight.

    Also returns the number of calls in that time by deliveries that had begun, and lost their
    lease, before the pause.
    """
    times = FenceTimes(writes)
    by_account: dict[str, list[Json]] = defaultdict(list)
    for write in writes:
        if write["operation"] in EFFECTS:
            by_account[write["account"]].append(write)
    inside = [
        (write, pause)
        for pause in pauses
        for write in by_account[pause.account]
        if pause.acknowledged + _CLOCKS < write["startedAt"] < pause.ended - _CLOCKS
    ]
    found = [write for write, pause in inside if times.latest(write["fence"]) > pause.acknowledged]
    return found, len(inside) - len(found)


def fault_counts(writes: Iterable[Json]) -> Mapping[str, int]:
    """Return how often each fault of the service hit an effect."""
    counts: dict[str, int] = defaultdict(int)
    for write in writes:
        if write["fault"]:
            counts[f"service: {write['fault']}"] += 1
    return counts
