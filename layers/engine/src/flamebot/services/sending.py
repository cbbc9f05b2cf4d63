"""Send claimed tasks to the step queue: the one place that groups pointers into messages.

A task is sent after the commit that queued it. The row in the table is the outbox: a pointer that
the queue does not accept stays queued there, and the tick sends it again when its lease is over.

SQS delays a message by whole seconds only. A message that is sent with 30.4 seconds to go becomes
visible 0.4 seconds early, and the function that receives it waits those out at its own cost. The
tick has time to send in waves instead, each when whole seconds are left (docs/adr/0014).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from flamebot.domain.message import TaskPointer, encode
from flamebot.ports.clock import Clock
from flamebot.ports.queue import Message, StepQueue
from flamebot.ports.telemetry import Telemetry

TASKS_PER_MESSAGE = 10
LONGEST_DELAY_SECONDS = 900  # the limit of SQS; a message visible early is requeued by its receiver
# A message that would become visible a few milliseconds late may do so: without this tolerance it
# would become visible a second early instead, and its function would wait (docs/adr/0011).
_TOLERANCE_SECONDS = 0.1
_URGENT_SECONDS = 2.0  # tasks due sooner are sent at once
_WAVES_PER_SECOND = 10  # a wave leaves within a twentieth of a second of its time


def group_into_messages(pointers: Sequence[TaskPointer]) -> list[tuple[TaskPointer, ...]]:
    """Group pointers into messages, ordered by the due time of their first task.

    Tasks due in the same second share a message, at most `TASKS_PER_MESSAGE` of them. A task that
    was reclaimed before may be what kills its process: it travels in a message of its own.
    """
    # guard: reclaimed-travels-alone
    groups: list[tuple[TaskPointer, ...]] = [(p,) for p in pointers if p.alone]
    shared = sorted((p for p in pointers if not p.alone), key=lambda p: (p.due, p.task_id))
    # guard: one-second-per-message
    for _, same_second in groupby(shared, key=lambda p: p.due.replace(microsecond=0)):
        rest = tuple(same_second)
        while rest:  # guard: ten-tasks-per-message
            groups.append(rest[:TASKS_PER_MESSAGE])
            rest = rest[TASKS_PER_MESSAGE:]
    return sorted(groups, key=lambda group: group[0].due)


def send_tasks(
    pointers: Sequence[TaskPointer],
    *,
    queue: StepQueue,
    clock: Clock,
    telemetry: Telemetry,
    now: datetime | None = None,
) -> int:
    """Send tasks so that each message becomes visible less than a second before they are due.

    Args:
        pointers: Tasks whose rows are committed as queued.
        queue: Where the messages go.
        clock: Turns schedule time into seconds of delay.
        telemetry: Counts `TasksSent`; warns `send_incomplete`.
        now: Schedule time; by default the clock's.

    Returns:
        How many tasks the queue accepted for certain. The others are sent again by the tick.
    """
    if now is None:
        now = clock.now() or clock.wall()
    groups = group_into_messages(pointers)
    return _send_groups(groups, queue=queue, telemetry=telemetry, now=now, rate=clock.rate)


def send_in_waves(
    pointers: Sequence[TaskPointer], *, queue: StepQueue, clock: Clock, telemetry: Telemetry
) -> int:
    """Send tasks over the next second, each message when whole seconds are left until it is due.

    Once a wave is not accepted as a whole, the rest follows at once: a queue that is down is found
    out once, not ten times a second.

    Returns:
        How many tasks the queue accepted for certain, as `send_tasks` does.
    """
    began = clock.monotonic()
    waves = _waves(group_into_messages(pointers), clock.now() or clock.wall(), clock.rate)

    def send(groups: Sequence[Sequence[TaskPointer]]) -> int:
        now = clock.now() or clock.wall()
        return _send_groups(groups, queue=queue, telemetry=telemetry, now=now, rate=clock.rate)

    sent = 0
    for number, leaves in enumerate(order := sorted(waves)):
        if (early := leaves - (clock.monotonic() - began)) > 0:
            clock.sleep(early)
        accepted = send(waves[leaves])
        sent += accepted
        if accepted < sum(map(len, waves[leaves])):
            rest = [group for later in order[number + 1 :] for group in waves[later]]
            return sent + send(rest)
    return sent


def _waves(
    groups: Sequence[Sequence[TaskPointer]], now: datetime, rate: float
) -> dict[float, list[Sequence[TaskPointer]]]:
    """Assign each message to the moment, in seconds from now, at which it is sent.

    A message is sent when its first task wants it. A busy second is several messages with the
    earliest tasks first, so that no function waits from the second's first task to its last.
    """
    waves: dict[float, list[Sequence[TaskPointer]]] = defaultdict(list)
    for group in groups:
        left = (group[0].due - now).total_seconds() / rate
        tenth = int(left % 1 * _WAVES_PER_SECOND)
        # The middle of the tenth: as many messages are a little late as are a little early.
        leaves = (tenth + 0.5) / _WAVES_PER_SECOND
        waves[0.0 if left < _URGENT_SECONDS else leaves].append(group)  # guard: urgent-sent-at-once
    return waves


def _send_groups(
    groups: Sequence[Sequence[TaskPointer]],
    *,
    queue: StepQueue,
    telemetry: Telemetry,
    now: datetime,
    rate: float,
) -> int:
    if not groups:
        return 0
    messages = [
        Message(body=encode(group), delay_seconds=_delay_seconds(group[0].due, now, rate))
        for group in groups
    ]
    accepted = queue.send(messages)
    if accepted < len(messages):
        telemetry.warn("send_incomplete", messages=len(messages), accepted=accepted)
    # The queue does not say which messages it accepted: assume the smallest.
    sent = sum(sorted(map(len, groups))[:accepted])
    telemetry.count("TasksSent", sent)
    return sent


def _delay_seconds(due: datetime, now: datetime, rate: float) -> int:
    """Return whole wall-clock seconds, rounded down; the step function waits out the rest."""
    left = (due - now).total_seconds() / rate
    # guard: delay-rounded-down, delay-within-the-queues
    return min(max(int(left + _TOLERANCE_SECONDS), 0), LONGEST_DELAY_SECONDS)
