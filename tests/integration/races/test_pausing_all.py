"""Races of the global pause with functions that make a task due: one waits for the other."""

from __future__ import annotations

import pytest

from tests.integration.races.calls import hurry, import_, retry, skip
from tests.support.builders import (
    a_cancel,
    a_definition,
    a_next,
    a_start,
    after,
    an_account,
    an_instance,
    begin,
    claim,
    live_tasks,
    pause,
    pause_all,
    resume,
    resume_all,
    start_rows,
    task,
)
from tests.support.databases import TestDatabase
from tests.support.race import race
from tests.support.stores import failed

pytestmark = pytest.mark.race


def test_pause_all_then_resume_of_a_workflow(database: TestDatabase) -> None:
    """The resumed workflow is active, but its task is not queued."""
    started = an_instance(database)
    pause(database, started.instance_id)
    _, resumed = race(database, pause_all, lambda s: resume(s, started.instance_id))
    assert resumed["answer"]["send"] == []
    assert live_tasks(database, started.instance_id) == ["pending"]


def test_pause_all_then_start(database: TestDatabase) -> None:
    """A workflow that starts during a global pause has a pending task, due or not."""
    account, definition = an_account(database), a_definition(database)
    row = a_start(account, definition)
    _, started = race(database, pause_all, lambda s: start_rows(s, [row]))
    assert (started[0]["status"], started[0]["send"]) == ("started", None)
    assert live_tasks(database, row.instance_id) == ["pending"]


def test_pause_all_then_import(database: TestDatabase) -> None:
    """An import during a global pause stores its rows and sends nothing."""
    row = a_start("acct-1", a_definition(database))
    _, answer = race(database, pause_all, import_("acct-1", starts=[row]))
    assert [started["send"] for started in answer["started"]] == [None]
    assert live_tasks(database, row.instance_id) == ["pending"]


def test_start_then_pause_all(database: TestDatabase) -> None:
    """The pause waits for the start. A begin of the queued task returns it to pending (I7)."""
    row = a_start(an_account(database), a_definition(database))
    race(database, lambda s: start_rows(s, [row]), pause_all)
    assert live_tasks(database, row.instance_id) == ["queued"]
    assert begin(database, f"{row.instance_id}:1") == []
    assert live_tasks(database, row.instance_id) == ["pending"]


def test_pause_all_then_run_now(database: TestDatabase) -> None:
    """Run-now during a global pause makes the task due, and it runs when the pause ends."""
    started = an_instance(database, a_next(at=after(hours=5)))
    _, hurried = race(database, pause_all, hurry(started.instance_id))
    assert hurried["send"] == []
    assert (
        task(database, started.task_id)["status"],
        task(database, started.task_id)["scheduled_for"],
    ) == ("pending", after())


def test_pause_all_then_skip(database: TestDatabase) -> None:
    """A skip during a global pause inserts the next task, and nothing is sent."""
    started = an_instance(database)
    _, skipped = race(database, pause_all, skip(started.instance_id))
    assert skipped["send"] == []
    assert live_tasks(database, started.instance_id) == ["pending"]


@pytest.mark.parametrize("unknown", [True, False])
def test_pause_all_then_retry(database: TestDatabase, unknown: bool) -> None:
    """A retry during a global pause reopens or inserts its task, and nothing is sent."""
    started = failed(database, unknown=unknown)
    _, retried = race(database, pause_all, retry(started.instance_id))
    assert retried["send"] == []
    assert live_tasks(database, started.instance_id) == ["pending"]


def test_resume_all_then_begin(database: TestDatabase) -> None:
    """A begin that waited for the end of the pause begins its task."""
    started = an_instance(database)
    pause_all(database)
    fence = task(database, started.task_id)["fence"]
    _, begun = race(database, resume_all, lambda s: begin(s, started.task_id, fences=[fence]))
    assert len(begun) == 1


def test_begin_then_resume_all(database: TestDatabase) -> None:
    """The next tick claims a task that a begin returned to pending while the pause ended."""
    started = an_instance(database)
    pause_all(database)
    begun, _ = race(database, lambda s: begin(s, started.task_id), resume_all)
    assert begun == []
    assert live_tasks(database, started.instance_id) == ["pending"]


def test_two_ticks_share_the_cancels(database: TestDatabase) -> None:
    """Two ticks under a global pause claim each cancel once, and neither waits."""
    ids = {an_instance(database, a_cancel(after(minutes=10))).task_id for _ in range(4)}
    pause_all(database)
    one, two = race(
        database,
        lambda s: claim(s, 2, now=after(minutes=10)),
        lambda s: claim(s, now=after(minutes=10)),
        waits=False,
    )
    assert {row["task_id"] for row in one} | {row["task_id"] for row in two} == ids
    assert (len(one), len(two)) == (2, 2)


def test_pause_all_twice_at_once(database: TestDatabase) -> None:
    """Two global pauses at once are one pause, whose length is counted once."""
    race(database, pause_all, lambda s: pause_all(s, now=after(hours=1)))
    resume_all(database, now=after(hours=2))
    assert database.value("select paused_ms from engine_control") == 2 * 3_600_000


def test_resume_all_twice_at_once(database: TestDatabase) -> None:
    """The second of two resumes finds the pause ended: its length is counted once."""
    pause_all(database)
    race(
        database,
        lambda s: resume_all(s, now=after(hours=1)),
        lambda s: resume_all(s, now=after(hours=2)),
    )
    assert database.value("select paused_ms from engine_control") == 3_600_000
