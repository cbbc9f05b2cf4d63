"""Send what a tick claimed so that no function waits: each message leaves when whole seconds are left until its tasks are due.

SQS delays by whole seconds only. A message that is sent with 30.4 seconds to go is seen 0.4 seconds early, and the function that
receives it waits those out, and is paid for it. The tick has that time: docs/adr/0014.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from flamebot.domain.message import TaskPointer
from flamebot.ports.clock import Clock
from flamebot.ports.queue import StepQueue
from flamebot.ports.telemetry import Telemetry
from flamebot.services.send_tasks import TASKS_PER_MESSAGE, send_tasks

_URGENT_SECONDS = 2.0  # what is due sooner is sent at once
_WAVES = 10  # in a second: a wave leaves within a twentieth of a second of its time


def send_in_time(
    pointers: Sequence[TaskPointer], *, queue: StepQueue, clock: Clock, telemetry: Telemetry
) -> int:
    """Send over the next second, in waves, each when it is time; answer how many tasks were surely accepted.

    Once a wave was not accepted as a whole, the rest follows at once: a queue that is down is found out once, not ten times a second.
    """
    began, now = clock.monotonic(), clock.now() or clock.wall()
    waves = _waves(pointers, now, clock.rate)
    sent = 0
    while waves:
        first = min(waves)
        wave = waves.pop(first)
        if (early := first / _WAVES - (clock.monotonic() - began)) > 0:
            clock.sleep(early)
        accepted = send_tasks(wave, queue=queue, clock=clock, telemetry=telemetry)
        sent += accepted
        if accepted < len(wave):
            rest = [pointer for number in sorted(waves) for pointer in waves[number]]
            return sent + send_tasks(rest, queue=queue, clock=clock, telemetry=telemetry)
    return sent


def _waves(
    pointers: Sequence[TaskPointer], now: datetime, rate: float
) -> dict[float, list[TaskPointer]]:
    """The pointers by the tenth of a second, from now, in which they leave. Those that share a message leave when its first wants to.

    A busy second is several messages, the earliest tasks first: none holds a function from the second's first task to its last.
    """
    seconds: dict[datetime, list[TaskPointer]] = defaultdict(list)
    for pointer in sorted(pointers, key=lambda p: (p.due, p.task_id)):
        seconds[pointer.due.replace(microsecond=0)].append(pointer)
    waves: dict[float, list[TaskPointer]] = defaultdict(list)
    for same_second in seconds.values():
        for start in range(0, len(same_second), TASKS_PER_MESSAGE):
            together = same_second[start : start + TASKS_PER_MESSAGE]
            left = (together[0].due - now).total_seconds() / rate
            # Half a tenth later: then as many are seen a little late as are seen a little early.
            waves[0.0 if left < _URGENT_SECONDS else int(left % 1 * _WAVES) + 0.5] += together
    return waves
