"""Races of operators with each other.

The second operation finds the first one's result, or is refused.
"""

from __future__ import annotations

import pytest

from tests.integration.races.calls import erase, hurry, retry, skip
from tests.support.builders import (
    a_next,
    a_poll,
    after,
    an_instance,
    begin,
    instance,
    live_tasks,
    pause,
    resume,
    stop,
    task,
)
from tests.support.databases import TestDatabase
from tests.support.race import or_refusal, race
from tests.support.stores import failed, polling

pytestmark = pytest.mark.race


def phases(database: TestDatabase, instance_id: str) -> list[tuple[str, str]]:
    """Return phase and status of an instance's tasks."""
    rows = database.rows(
        "select phase, status from scheduled_tasks where workflow_instance_id = %s"
        " order by sequence",
        (instance_id,),
    )
    return [(row["phase"], row["status"]) for row in rows]


def test_pause_twice_at_once(database: TestDatabase) -> None:
    """Two pauses at once make one pause, and both return the paused workflow."""
    started = an_instance(database)
    one, two = race(
        database,
        lambda s: pause(s, started.instance_id),
        lambda s: pause(s, started.instance_id, now=after(hours=1)),
    )
    assert one["answer"]["workflow"]["status"] == two["answer"]["workflow"]["status"] == "paused"
    row = instance(database, started.instance_id)
    assert (row["revision"], row["paused_at"]) == (1, after())


def test_resume_twice_at_once(database: TestDatabase) -> None:
    """Of two resumes at once one queues the task, with one message."""
    started = an_instance(database)
    pause(database, started.instance_id)
    one, two = race(
        database, lambda s: resume(s, started.instance_id), lambda s: resume(s, started.instance_id)
    )
    assert (len(one["answer"]["send"]), two["answer"]["send"]) == (1, [])
    assert instance(database, started.instance_id)["revision"] == 2


def test_stop_twice_at_once(database: TestDatabase) -> None:
    """Two stops at once insert one cancel task for the job. Both return it for sending."""
    started = polling(database)
    one, two = race(
        database, lambda s: stop(s, started.instance_id), lambda s: stop(s, started.instance_id)
    )
    assert one["answer"]["send"] == two["answer"]["send"] != []
    assert phases(database, started.instance_id) == [("poll", "cancelled"), ("cancel", "queued")]


def test_pause_then_stop(database: TestDatabase) -> None:
    """The stop cancels what the pause held; the job's cancel is not held (I7)."""
    started = polling(database)
    race(database, lambda s: pause(s, started.instance_id), lambda s: stop(s, started.instance_id))
    assert phases(database, started.instance_id) == [("poll", "cancelled"), ("cancel", "queued")]
    assert instance(database, started.instance_id)["status"] == "stopping"


def test_stop_then_pause(database: TestDatabase) -> None:
    """A stopping workflow is not paused, and its cancel continues."""
    started = polling(database)
    _, answer = race(
        database,
        lambda s: stop(s, started.instance_id),
        or_refusal(lambda s: pause(s, started.instance_id)),
    )
    assert answer == "FB003"
    assert phases(database, started.instance_id) == [("poll", "cancelled"), ("cancel", "queued")]


def test_resume_then_stop(database: TestDatabase) -> None:
    """The stop cancels what the resume queued, and voids its message (I7)."""
    started = an_instance(database)
    pause(database, started.instance_id)
    resumed, _ = race(
        database, lambda s: resume(s, started.instance_id), lambda s: stop(s, started.instance_id)
    )
    (sent,) = resumed["answer"]["send"]
    assert begin(database, started.task_id, fences=[sent["fence"]]) == []
    assert phases(database, started.instance_id) == [("timer", "cancelled")]


def test_stop_then_resume(database: TestDatabase) -> None:
    """A stopped workflow is not resumed (I7)."""
    started = an_instance(database)
    pause(database, started.instance_id)
    _, answer = race(
        database,
        lambda s: stop(s, started.instance_id),
        or_refusal(lambda s: resume(s, started.instance_id)),
    )
    assert answer == "FB003"
    assert phases(database, started.instance_id) == [("timer", "cancelled")]


def test_skip_then_begin(database: TestDatabase) -> None:
    """A begin of the skipped task waits for the skip and begins nothing."""
    started = an_instance(database)
    fence = task(database, started.task_id)["fence"]
    _, begun = race(
        database, skip(started.instance_id), lambda s: begin(s, started.task_id, fences=[fence])
    )
    assert begun == []
    assert phases(database, started.instance_id) == [("timer", "cancelled"), ("submit", "queued")]


def test_skip_then_pause(database: TestDatabase) -> None:
    """A pause holds the task that the skip inserted (I7)."""
    started = an_instance(database)
    race(database, skip(started.instance_id), lambda s: pause(s, started.instance_id))
    assert phases(database, started.instance_id) == [("timer", "cancelled"), ("submit", "held")]


def test_pause_then_skip(database: TestDatabase) -> None:
    """A skip that was planned before a pause is refused; a new plan's task is held."""
    started = an_instance(database)
    _, answer = race(
        database, lambda s: pause(s, started.instance_id), or_refusal(skip(started.instance_id))
    )
    assert answer == "FB005"
    assert phases(database, started.instance_id) == [("timer", "held")]


def test_skip_then_stop(database: TestDatabase) -> None:
    """A stop ends the task that the skip inserted: no task is left over (I2)."""
    started = an_instance(database)
    race(database, skip(started.instance_id), lambda s: stop(s, started.instance_id))
    assert phases(database, started.instance_id) == [
        ("timer", "cancelled"),
        ("submit", "cancelled"),
    ]


def test_run_now_then_begin(database: TestDatabase) -> None:
    """The message for the later time waits for run-now and is then void.

    The task runs once, by the new message.
    """
    started = an_instance(database, a_next(at=after(seconds=100)))
    fence = task(database, started.task_id)["fence"]
    hurried, begun = race(
        database,
        hurry(started.instance_id),
        lambda s: begin(s, started.task_id, fences=[fence], now=after(seconds=100)),
    )
    assert begun == []
    assert len(begin(database, started.task_id, fences=[hurried["send"][0]["fence"]])) == 1


def test_run_now_twice_at_once(database: TestDatabase) -> None:
    """The second of two run-nows has an old revision and queues no second message."""
    started = an_instance(database, a_next(at=after(hours=5)))
    hurried, answer = race(
        database, hurry(started.instance_id), or_refusal(hurry(started.instance_id))
    )
    assert (len(hurried["send"]), answer) == (1, "FB005")
    assert task(database, started.task_id)["fence"] == hurried["send"][0]["fence"]


def test_run_now_then_pause(database: TestDatabase) -> None:
    """The pause holds what run-now queued, and voids its message (I7)."""
    started = an_instance(database, a_next(at=after(hours=5)))
    hurried, _ = race(database, hurry(started.instance_id), lambda s: pause(s, started.instance_id))
    assert begin(database, started.task_id, fences=[hurried["send"][0]["fence"]]) == []
    assert live_tasks(database, started.instance_id) == ["held"]


def test_retry_then_stop(database: TestDatabase) -> None:
    """A stop waits for the retry and ends its task.

    The submit that it reopened may have left a job.
    """
    started = failed(database, unknown=True)
    race(database, retry(started.instance_id), lambda s: stop(s, started.instance_id))
    assert phases(database, started.instance_id) == [("submit", "cancelled"), ("cancel", "queued")]
    assert instance(database, started.instance_id)["status"] == "stopping"


def test_retry_then_pause(database: TestDatabase) -> None:
    """The pause holds the task that the retry opened (I7)."""
    started = failed(database)
    race(database, retry(started.instance_id), lambda s: pause(s, started.instance_id))
    assert phases(database, started.instance_id) == [("submit", "failed"), ("submit", "held")]


def test_stop_then_erasure(database: TestDatabase) -> None:
    """Erasing waits for the stop. A stopped workflow does not keep its account."""
    started = an_instance(database)
    race(database, lambda s: stop(s, started.instance_id), erase(started.account_id))
    assert database.value("select count(*) from accounts") == 0
    assert instance(database, started.instance_id)["account_data"] == {}


def test_a_stop_with_an_open_job_then_erasure(database: TestDatabase) -> None:
    """A stopping workflow keeps its account: erasing is refused."""
    started = an_instance(database, a_poll())
    _, answer = race(
        database, lambda s: stop(s, started.instance_id), or_refusal(erase(started.account_id))
    )
    assert answer == "FB004"
    assert database.value("select count(*) from accounts") == 1
