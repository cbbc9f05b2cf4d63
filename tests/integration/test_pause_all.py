"""pause_all: nothing but a cancel begins after it has returned."""

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
    """Paused, since when, and the length of the pauses before this one."""
    assert control(database, after(minutes=1)).pause_all(ALICE) == {
        "paused": True,
        "paused_at": after(minutes=1),
        "paused_ms": 0,
    }


def test_nothing_begins_and_what_was_sent_is_given_back(database: TestDatabase) -> None:
    """The message that comes during the pause finds its task pending again."""
    started = an_instance(database)
    control(database).pause_all(ALICE)
    assert begin(database, started.task_id) == []
    assert live_tasks(database, started.instance_id) == ["pending"]
    assert claim(database) == []


def test_pausing_again_changes_nothing(database: TestDatabase) -> None:
    """The pause began with the first call; the audit log has both."""
    first = control(database).pause_all(ALICE)
    assert control(database, after(hours=1)).pause_all(ALICE) == first
    assert [row["before"] for row in audit(database, "pause_all")] == [
        {"paused": False},
        {"paused": True},
    ]


def test_the_audit_log_tells_who_and_why(database: TestDatabase) -> None:
    """Its subject is the engine."""
    control(database).pause_all(ALICE)
    (row,) = audit(database, "pause_all")
    assert (row["actor"], row["reason"], row["subject"]) == ("alice", "because", "engine")
    assert (row["before"], row["after"]) == ({"paused": False}, {"paused": True})


@pytest.mark.race
def test_it_waits_for_a_begin_at_work(database: TestDatabase) -> None:
    """What had begun is known to have begun when it returns (I7)."""
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
    """It waits for the pause to be written, and begins nothing."""
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
    """However many wait: it costs the same."""
    started = an_instance(database, a_next(at=after(hours=1)))
    before = task(database, started.task_id)
    control(database).pause_all(ALICE)
    assert task(database, started.task_id) == before
