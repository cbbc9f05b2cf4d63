"""resume_workflow continues the remaining wait, or keeps the old due time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Literal

import pytest

from flamebot.adapters.postgres.admin_store import PostgresAdminStore
from flamebot.domain.errors import NotAllowed, NotFound
from flamebot.domain.task import Payload
from tests.support.builders import (
    NOON,
    a_next,
    a_poll,
    after,
    an_instance,
    begin,
    claim,
    instance,
    live_tasks,
    pause_all,
    task,
)
from tests.support.databases import TestDatabase, start
from tests.support.stores import ALICE, audit, control, failed, running

Clock = Literal["freeze", "run_on"]


def test_freeze_keeps_the_remaining_wait(database: TestDatabase) -> None:
    """With `freeze` a task waits for what remained of its wait."""
    started = an_instance(database, a_next(at=after(hours=1)))
    control(database, after(minutes=20)).pause_workflow(started.instance_id, ALICE)
    changed = control(database, after(hours=5)).resume_workflow(
        started.instance_id, "freeze", ALICE
    )
    resumed = task(database, started.task_id)
    assert (resumed["status"], resumed["scheduled_for"], resumed["held_at"]) == (
        "pending",
        after(hours=5, minutes=40),
        None,
    )
    assert changed.workflow["status"] == "active"
    assert changed.workflow["paused_at"] is None
    assert changed.workflow["next_action_at"] == after(hours=5, minutes=40)
    assert changed.send == []


def test_run_on_keeps_the_due_time(database: TestDatabase) -> None:
    """What fell due during the pause is due at once, and is returned to be sent."""
    started = an_instance(database, a_next(at=after(hours=1)))
    control(database, after(minutes=20)).pause_workflow(started.instance_id, ALICE)
    changed = control(database, after(hours=5)).resume_workflow(
        started.instance_id, "run_on", ALICE
    )
    (pointer,) = changed.send
    assert (pointer.task_id, pointer.due) == (started.task_id, after(hours=1))
    (begun,) = begin(database, started.task_id, fences=[pointer.fence], now=after(hours=5))
    assert begun["early"] is False


@pytest.mark.parametrize(("left", "status"), [(119, "queued"), (120, "pending")])
def test_what_is_due_within_the_horizon_is_queued_at_once(
    database: TestDatabase, left: int, status: str
) -> None:
    """A task due soon is queued at once, with a lease beyond its due time."""
    started = an_instance(database, a_next(at=after(hours=1)))
    control(database, after(hours=1) - timedelta(seconds=left)).pause_workflow(
        started.instance_id, ALICE
    )
    changed = control(database, after(hours=2)).resume_workflow(
        started.instance_id, "freeze", ALICE
    )
    assert live_tasks(database, started.instance_id) == [status]
    assert len(changed.send) == (status == "queued")
    if status == "queued":
        lease = database.value(
            "select lease_expires_at - clock_timestamp() from scheduled_tasks where task_id = %s",
            (started.task_id,),
        )
        assert timedelta(seconds=left + 85) < lease <= timedelta(seconds=left + 90)


def test_leases_are_real_time(database: TestDatabase) -> None:
    """On an engine clock a hundred times as fast, a wait of 100 s is one real second."""
    started = an_instance(database, a_next(at=after(seconds=100)))
    control(database).pause_workflow(started.instance_id, ALICE)
    control(database, after(hours=1), rate=100.0).resume_workflow(
        started.instance_id, "freeze", ALICE
    )
    lease = database.value(
        "select lease_expires_at - clock_timestamp() from scheduled_tasks where task_id = %s",
        (started.task_id,),
    )
    assert timedelta(seconds=85) < lease <= timedelta(seconds=91)


@pytest.mark.parametrize("clock", ["freeze", "run_on"])
def test_the_steps_timeout_does_not_count_the_pause(database: TestDatabase, clock: Clock) -> None:
    """Each pause adds its length to what the step's deadline leaves out."""
    started = an_instance(
        database, a_poll(after(minutes=1), payload=Payload(job_id="j", key="k", started_at=NOON))
    )
    for hours in (1, 2):
        control(database, after(hours=hours)).pause_workflow(started.instance_id, ALICE)
        control(database, after(hours=hours, minutes=10)).resume_workflow(
            started.instance_id, clock, ALICE
        )
    assert task(database, started.task_id)["payload"]["paused_ms"] == 2 * 10 * 60 * 1000


@pytest.mark.parametrize(
    ("engine", "own", "minutes"),
    [
        ((10, 20), (30, 50), 30),  # one after the other
        ((10, 50), (20, 30), 40),  # its own within the global one
        ((20, 30), (10, 50), 40),  # the global one within its own
        ((10, 30), (20, 50), 40),  # the global one first
        ((20, 50), (10, 30), 40),  # its own first
        ((10, 30), (10, 30), 20),  # the same
    ],
)
def test_time_that_was_paused_in_both_ways_is_left_out_once(
    database: TestDatabase, engine: tuple[int, int], own: tuple[int, int], minutes: int
) -> None:
    """The deadline of the step moves by the time in which nothing could run.

    The pauses of workflow and engine may overlap in any way.
    """
    started = an_instance(
        database, a_poll(after(minutes=1), payload=Payload(job_id="j", key="k", started_at=NOON))
    )
    calls: list[tuple[int, Callable[[PostgresAdminStore], object]]] = [
        (engine[0], lambda store: store.pause_all(ALICE)),
        (engine[1], lambda store: store.resume_all(ALICE)),
        (own[0], lambda store: store.pause_workflow(started.instance_id, ALICE)),
        (own[1], lambda store: store.resume_workflow(started.instance_id, "run_on", ALICE)),
    ]
    for minute, call in sorted(calls, key=lambda item: item[0]):
        call(control(database, after(minutes=minute)))
    claim(database, now=after(hours=1))
    (begun,) = begin(database, started.task_id, now=after(hours=1))
    left_out = (
        begun["payload"].get("paused_ms", 0)
        + begun["global_paused_ms"]
        - begun["payload"].get("global_paused_ms", 0)
    )
    assert left_out == minutes * 60_000


def test_several_global_pauses_within_a_pause(database: TestDatabase) -> None:
    """Each global pause within the workflow's pause is left out once."""
    started = an_instance(
        database, a_poll(after(minutes=1), payload=Payload(job_id="j", key="k", started_at=NOON))
    )
    for begin_at, end_at in ((2, 5), (20, 25), (40, 50)):
        if begin_at == 20:
            control(database, after(minutes=10)).pause_workflow(started.instance_id, ALICE)
        control(database, after(minutes=begin_at)).pause_all(ALICE)
        control(database, after(minutes=end_at)).resume_all(ALICE)
    control(database, after(hours=1)).resume_workflow(started.instance_id, "freeze", ALICE)
    assert task(database, started.task_id)["payload"]["paused_ms"] == (50 - 5 - 10) * 60_000


def test_a_step_that_has_not_begun_has_no_timeout_to_shift(database: TestDatabase) -> None:
    """Only time after the step's first phase began counts as spent held."""
    started = an_instance(database, a_next(at=after(hours=1)))
    control(database).pause_workflow(started.instance_id, ALICE)
    control(database, after(minutes=10)).resume_workflow(started.instance_id, "freeze", ALICE)
    assert "paused_ms" not in task(database, started.task_id)["payload"]


def test_what_was_overdue_when_it_was_held_is_due_at_once(database: TestDatabase) -> None:
    """An overdue task that was held is due at the resume, not before it."""
    started = an_instance(database, a_next(at=NOON))
    control(database, after(minutes=3)).pause_workflow(started.instance_id, ALICE)
    control(database, after(hours=1)).resume_workflow(started.instance_id, "freeze", ALICE)
    assert task(database, started.task_id)["scheduled_for"] == after(hours=1)


def test_a_running_task_is_left_alone(database: TestDatabase) -> None:
    """A task that runs during pause and resume stays unchanged."""
    started = running(database)
    before = task(database, started.task_id)
    control(database).pause_workflow(started.instance_id, ALICE)
    changed = control(database, after(minutes=1)).resume_workflow(
        started.instance_id, "freeze", ALICE
    )
    assert task(database, started.task_id) == before
    assert changed.send == []
    assert changed.workflow["status"] == "active"


def test_under_the_global_pause_nothing_is_queued(database: TestDatabase) -> None:
    """The resumed task is pending until the global pause ends."""
    started = an_instance(database)
    control(database).pause_workflow(started.instance_id, ALICE)
    pause_all(database)
    changed = control(database).resume_workflow(started.instance_id, "freeze", ALICE)
    assert changed.send == []
    assert live_tasks(database, started.instance_id) == ["pending"]


def test_resuming_an_active_workflow_changes_nothing(database: TestDatabase) -> None:
    """Neither task nor instance change. The audit log has the call."""
    started = an_instance(database, a_next(at=after(hours=1)))
    before = task(database, started.task_id), instance(database, started.instance_id)
    changed = control(database, after(minutes=1)).resume_workflow(
        started.instance_id, "freeze", ALICE
    )
    assert changed.workflow["status"] == "active"
    assert (task(database, started.task_id), instance(database, started.instance_id)) == before
    (row,) = audit(database, "resume_workflow")
    assert row["before"] == row["after"] == {"status": "active"}


def test_the_audit_log_tells_which_clock(database: TestDatabase) -> None:
    """The audit log has the mode, `freeze` or `run_on`."""
    started = an_instance(database)
    control(database).pause_workflow(started.instance_id, ALICE)
    control(database).resume_workflow(started.instance_id, "run_on", ALICE)
    (row,) = audit(database, "resume_workflow")
    assert (row["before"], row["after"]) == (
        {"status": "paused"},
        {"status": "active", "clock": "run_on"},
    )


def test_a_failed_workflow_cannot_be_resumed(database: TestDatabase) -> None:
    """Resume is refused, and retry is allowed."""
    started = failed(database)
    with pytest.raises(NotAllowed) as refusal:
        control(database).resume_workflow(started.instance_id, "freeze", ALICE)
    assert refusal.value.context["allowed"] == ["retry"]


def test_an_unknown_workflow_is_not_found(database: TestDatabase) -> None:
    """An unknown id raises NotFound."""
    with pytest.raises(NotFound):
        control(database).resume_workflow("00000000-0000-4000-8000-000000000000", "freeze", ALICE)


@pytest.mark.race
@pytest.mark.parametrize("first", ["pause", "resume"])
def test_pause_and_resume_at_once_take_turns(database: TestDatabase, first: str) -> None:
    """The second call finds what the first one wrote; task and instance agree (I2)."""
    started = an_instance(database, a_next(at=after(hours=1)))
    if first == "resume":
        control(database).pause_workflow(started.instance_id, ALICE)
    one, two = database.session(), database.session()
    pausing = ("select pause_workflow(%s, %s, 'a', null)", (started.instance_id, NOON))
    resuming = (
        "select resume_workflow(%s, 'freeze', %s, interval '120 s', interval '90 s', 1, 'a', null)",
        (started.instance_id, NOON),
    )
    calls = (pausing, resuming) if first == "pause" else (resuming, pausing)
    one.begin()
    one.rows(*calls[0])
    waiting = start(lambda: two.rows(*calls[1]))
    database.until_blocked(two)
    one.commit()
    waiting.result()
    expected = ("active", ["pending"]) if first == "pause" else ("paused", ["held"])
    assert (
        instance(database, started.instance_id)["status"],
        live_tasks(database, started.instance_id),
    ) == expected
