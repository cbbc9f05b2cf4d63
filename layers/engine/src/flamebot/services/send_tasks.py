"""Send claimed tasks to the step queue, after the commit that queued them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from flamebot.domain.message import TaskPointer, encode
from flamebot.ports.clock import Clock
from flamebot.ports.queue import Message, StepQueue
from flamebot.ports.telemetry import Telemetry

TASKS_PER_MESSAGE = 10
_TOLERANCE_SECONDS = 0.1  # docs/adr/0011: a function that gets its message a second early waits that second out, and is paid for it
LONGEST_DELAY_SECONDS = (
    900  # SQS takes no more; a message that comes early is sent on with the rest
)


def send_tasks(
    pointers: Sequence[TaskPointer],
    *,
    queue: StepQueue,
    clock: Clock,
    telemetry: Telemetry,
    now: datetime | None = None,
) -> int:
    """Send, so that each message is seen when its tasks are due, or less than a second before; answer how many tasks were surely accepted.

    What is not accepted stays queued in the table and is sent again by the tick. `now` is schedule time, by default the clock's.
    """
    if not pointers:
        return 0
    if now is None:
        now = clock.now() or clock.wall()
    groups = _grouped(pointers)
    messages = [
        Message(body=encode(group), delay_seconds=_delay_seconds(group[0].due, now, clock.rate))
        for group in groups
    ]
    accepted = queue.send(messages)
    if accepted < len(messages):
        telemetry.warn("send_incomplete", messages=len(messages), accepted=accepted)
    # The queue does not say which messages it took: of some, count the smallest.
    sent = sum(sorted(len(group) for group in groups)[:accepted])
    telemetry.count("TasksSent", sent)
    return sent


def _grouped(pointers: Sequence[TaskPointer]) -> list[list[TaskPointer]]:
    """Tasks due in the same second share a message; one that was reclaimed before may be what kills its process, and travels alone."""
    groups = [[pointer] for pointer in pointers if pointer.alone]
    shared = sorted(
        (pointer for pointer in pointers if not pointer.alone), key=lambda p: (p.due, p.task_id)
    )
    for _, same_second in groupby(shared, key=lambda p: p.due.replace(microsecond=0)):
        together = list(same_second)
        groups += [
            together[start : start + TASKS_PER_MESSAGE]
            for start in range(0, len(together), TASKS_PER_MESSAGE)
        ]
    return sorted(groups, key=lambda group: group[0].due)


def _delay_seconds(due: datetime, now: datetime, rate: float) -> int:
    """Whole wall-clock seconds, rounded down, but for a last tenth of a second: the step function waits out the rest."""
    left = (due - now).total_seconds() / rate
    return min(max(int(left + _TOLERANCE_SECONDS), 0), LONGEST_DELAY_SECONDS)
