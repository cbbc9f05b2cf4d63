"""What is claimed reaches the queue once, in the second that it is due in."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from flamebot.domain.message import TaskPointer, decode
from flamebot.services.sending import send_tasks
from tests.unit.services.stand_ins import NOON, HandClock, ListQueue, ListTelemetry, pointer


def sent(
    *pointers: TaskPointer, rate: float = 1.0, capacity: int = 1_000_000
) -> tuple[ListQueue, ListTelemetry, int]:
    """Send pointers when the clock shows noon."""
    queue, telemetry = ListQueue(capacity), ListTelemetry()
    count = send_tasks(
        pointers, queue=queue, clock=HandClock(rate=rate), telemetry=telemetry, now=NOON
    )
    return queue, telemetry, count


def at(seconds: float, sequence: int = 1, *, alone: bool = False) -> TaskPointer:
    """A task that is due so long after noon."""
    return pointer(sequence, due=NOON + timedelta(seconds=seconds), alone=alone)


def test_same_second_shares_a_message() -> None:
    """Tasks due in the same second travel together, others do not."""
    queue, _, count = sent(at(30.9, 1), at(30.1, 2), at(31.0, 3))
    assert [(m.delay_seconds, len(decode(m.body))) for m in queue.messages] == [(30, 2), (31, 1)]
    assert count == 3


def test_ten_to_a_message() -> None:
    """A message carries at most ten tasks.

    An invocation must be able to begin what it was given.
    """
    queue, _, _ = sent(*(at(5, number) for number in range(1, 24)))
    assert [len(decode(m.body)) for m in queue.messages] == [10, 10, 3]


def test_a_reclaimed_task_travels_alone() -> None:
    """What may be the cause of a crash takes no other with it."""
    queue, _, _ = sent(at(5, 1), at(5, 2, alone=True), at(5, 3))
    assert sorted(len(decode(m.body)) for m in queue.messages) == [1, 2]


def test_delay_is_whole_real_seconds_rounded_down() -> None:
    """On a clock that runs a hundred times as fast, 250 seconds are two and a half.

    The message waits two.
    """
    queue, _, _ = sent(at(250), rate=100)
    assert queue.messages[0].delay_seconds == 2


def test_no_function_waits_a_second_for_some_milliseconds() -> None:
    """A poll is sent some milliseconds after its two seconds began.

    It is seen after two, not after one. docs/adr/0011.
    """
    queue, _, _ = sent(at(1.99, 1), at(2.89, 2))
    assert [m.delay_seconds for m in queue.messages] == [2, 2]


def test_delay_has_bounds() -> None:
    """What is overdue is sent without delay, what is far off with as much as the queue takes."""
    queue, _, _ = sent(at(-60, 1), at(2000, 2))
    assert [m.delay_seconds for m in queue.messages] == [0, 900]


def test_only_what_is_surely_accepted_is_counted() -> None:
    """A queue that took one of two messages may have taken the smaller one."""
    _, telemetry, count = sent(at(1, 1), at(1, 2), at(2, 3), capacity=1)
    assert count == telemetry.counts["TasksSent"] == 1
    assert telemetry.events() == ["send_incomplete"]


def test_nothing_is_sent_for_nothing() -> None:
    """No pointers, no call and no metric."""
    queue, telemetry, count = sent()
    assert (queue.messages, telemetry.counts, count) == ([], {}, 0)


@given(
    st.lists(st.tuples(st.floats(-100, 1500), st.booleans()), max_size=60),
    st.sampled_from([1.0, 60.0, 1000.0]),
)
def test_every_task_once_and_none_late(dues: list[tuple[float, bool]], rate: float) -> None:
    """Each task is in one message, visible at most a tenth of a second after its due time."""
    pointers = [at(due, number, alone=alone) for number, (due, alone) in enumerate(dues, 1)]
    queue, _, count = sent(*pointers, rate=rate)
    found = [(p.task_id, p.due, m.delay_seconds) for m in queue.messages for p in decode(m.body)]
    assert sorted(task_id for task_id, _, _ in found) == sorted(p.task_id for p in pointers)
    assert count == len(pointers)
    assert all(
        delay <= max((due - NOON).total_seconds() / rate + 0.1, 0) for _, due, delay in found
    )
