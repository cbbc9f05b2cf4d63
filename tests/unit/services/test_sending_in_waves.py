"""What a tick claimed is sent while whole seconds are left, so that no task waits for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from flamebot.domain.message import TaskPointer, decode
from flamebot.ports.queue import Message
from flamebot.services.sending import send_in_waves
from tests.unit.services.stand_ins import NOON, HandClock, ListQueue, ListTelemetry, pointer


def at(seconds: float, sequence: int = 1) -> TaskPointer:
    """A task that is due so long after noon."""
    return pointer(sequence, due=NOON + timedelta(seconds=seconds))


def sent(
    *pointers: TaskPointer, rate: float = 1.0, capacity: int = 1_000_000
) -> tuple[ListQueue, HandClock, int]:
    """Send pointers in waves from noon on."""
    queue, clock = ListQueue(capacity), HandClock(rate=rate, scheduled=True)
    return (
        queue,
        clock,
        send_in_waves(pointers, queue=queue, clock=clock, telemetry=ListTelemetry()),
    )


def test_a_message_leaves_when_whole_seconds_are_left() -> None:
    """A message with 30.72 s left waits 0.75 s, and is then delayed by whole seconds."""
    queue, clock, count = sent(at(30.72))
    assert count == 1
    assert clock.slept == [0.75]
    assert queue.messages[0].delay_seconds == 30


def test_what_is_due_soon_leaves_at_once() -> None:
    """Nothing becomes late because the tick has time."""
    queue, clock, _ = sent(at(-5, 1), at(0.9, 2), at(1.95, 3))
    assert clock.slept == []
    assert sorted(m.delay_seconds for m in queue.messages) == [0, 1, 2]


def test_those_of_one_second_still_share_a_message() -> None:
    """Ten tasks due in the same second are one message, which leaves as its first task wants it."""
    queue, _, count = sent(*(at(40 + number / 10, number + 1) for number in range(10)))
    assert count == 10
    assert [len(decode(m.body)) for m in queue.messages] == [10]


def test_a_queue_that_is_down_is_not_waited_for() -> None:
    """The rest follows at once: it is in the table, and the tick's time is better spent."""
    _, clock, count = sent(
        *(at(10 * number + number / 10, number) for number in range(1, 9)), capacity=0
    )
    assert count == 0
    assert len(clock.slept) == 1


def test_seconds_are_real() -> None:
    """On a clock of sixty times the speed, 90.36 s from now are 1.506: that is soon."""
    queue, clock, _ = sent(at(90.36), rate=60)
    assert clock.slept == []
    assert queue.messages[0].delay_seconds == 1


@given(st.lists(st.floats(-100, 800), max_size=40))
def test_every_task_once_none_late_and_none_far_too_early(dues: list[float]) -> None:
    """Who travels alone is seen within a tenth of a second of its due time.

    No message is visible later than that.
    """
    pointers = [at(due, number) for number, due in enumerate(dues, 1)]

    class Watched(ListQueue):
        """Remembers when each message was sent."""

        def send(self, messages: Sequence[Message]) -> int:
            seen.extend((clock.elapsed + m.delay_seconds, decode(m.body)) for m in messages)
            return super().send(messages)

    seen: list[tuple[float, list[TaskPointer]]] = []
    clock = HandClock(scheduled=True)
    assert send_in_waves(
        pointers, queue=Watched(1_000_000), clock=clock, telemetry=ListTelemetry()
    ) == len(pointers)
    assert sorted(p.task_id for _, group in seen for p in group) == sorted(
        p.task_id for p in pointers
    )
    assert clock.elapsed <= 1
    for visible, group in seen:
        first = min((p.due - NOON).total_seconds() for p in group)
        assert visible <= max(first, 0) + 0.1 + 1e-6
        if first >= 2:
            assert visible >= first - 0.1
