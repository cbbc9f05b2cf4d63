"""pause_all: after it has returned only cancels begin."""

from __future__ import annotations

import pytest

from tests.support.builders import (
    a_next,
    a_submit,
    after,
    an_instance,
    begin,
    claim,
    live_tasks,
    task,
)
from tests.support.databases import TestDatabase, start
from tests.support.stores import ALICE, audit, control


def test_it_answers_the_control_state(database: TestDatabase) -> None:
    """The result says that the engine is paused, since when, and how long it was paused before."""
    assert control(database, after(minutes=1)).pause_all(ALICE) == {
        "paused": True,
        "paused_at": after(minutes=1),
        "paused_ms": 0,
    }


def test_nothing_begins_and_what_was_sent_is_given_back(database: TestDatabase) -> None:
    """A message that arrives during the pause returns its task to pending."""
    started = an_instance(database)
    control(database).pause_all(ALICE)
    assert begin(database, started.task_id) == []
    assert live_tasks(database, started.instance_id) == ["pending"]
    assert claim(database) == []


def test_pausing_again_changes_nothing(database: TestDatabase) -> None:
    """The pause counts from the first call; the audit log has both calls."""
    first = control(database).pause_all(ALICE)
    assert control(database, after(hours=1)).pause_all(ALICE) == first
    assert [row["before"] for row in audit(database, "pause_all")] == [
        {"paused": False},
        {"paused": True},
    ]


def test_the_audit_log_tells_who_and_why(database: TestDatabase) -> None:
    """The audit log has the caller and the reason, with the engine as subject."""
    control(database).pause_all(ALICE)
    (row,) = audit(database, "pause_all")
    assert (row["actor"], row["reason"], row["subject"]) == ("alice", "because", "engine")
    assert (row["before"], row["after"]) == ({"paused": False}, {"paused": True})


@pytest.mark.race
def test_it_waits_for_a_begin_at_work(database: TestDatabase) -> None:
    """A begin in progress is waited for, so its task has begun when the pause returns (I7)."""
    started = an_instance(database, a_submit())
    beginner, pauser = database.session(), database.session()
    beginner.begin()
    assert begin(beginner, started.task_id)
    waiting = start(lambda: pauser.one("select pause_all(%s, 'a', null)", (after(),)))
    database.until_blocked(pauser)
    beginner.commit()
    waiting.result()
    assert task(database, started.task_id)["status"] == "running"


@pytest.mark.race
def test_a_begin_that_comes_later_sees_it(database: TestDatabase) -> None:
    """A begin that waited for the pause begins nothing."""
    started = an_instance(database, a_submit())
    pauser, beginner = database.session(), database.session()
    fence = task(database, started.task_id)["fence"]
    pauser.begin()
    pauser.rows("select pause_all(%s, 'a', null)", (after(),))
    waiting = start(lambda: begin(beginner, started.task_id, fences=[fence]))
    database.until_blocked(beginner)
    pauser.commit()
    assert waiting.result() == []


def test_it_touches_no_task(database: TestDatabase) -> None:
    """A global pause writes no task, so it costs the same for any number of tasks."""
    started = an_instance(database, a_next(at=after(hours=1)))
    before = task(database, started.task_id)
    control(database).pause_all(ALICE)
    assert task(database, started.task_id) == before
