"""resume_all ends the global pause; step timeouts do not count it."""

from __future__ import annotations

import pytest

from tests.support.builders import (
    a_decision,
    a_next,
    a_running_task,
    after,
    an_instance,
    begin,
    claim,
    commit,
    pause_all,
    resume_all,
    task,
)
from tests.support.databases import TestDatabase, start
from tests.support.stores import ALICE, audit, control


def test_pauses_add_up(database: TestDatabase) -> None:
    """The lengths of global pauses are added."""
    control(database).pause_all(ALICE)
    assert control(database, after(minutes=10)).resume_all(ALICE) == {
        "paused": False,
        "paused_at": None,
        "paused_ms": 600_000,
    }
    control(database, after(minutes=20)).pause_all(ALICE)
    assert control(database, after(minutes=25)).resume_all(ALICE)["paused_ms"] == 900_000


def test_what_fell_due_meanwhile_is_claimed_at_once(database: TestDatabase) -> None:
    """Tasks that fell due during the pause are claimed at once, before any lease expires."""
    started = an_instance(database)
    control(database).pause_all(ALICE)
    begin(database, started.task_id)
    control(database, after(minutes=1)).resume_all(ALICE)
    (claimed,) = claim(database, now=after(minutes=1))
    assert claimed["task_id"] == started.task_id


def test_a_message_that_was_never_looked_at_still_counts(database: TestDatabase) -> None:
    """A message that arrives after the resume begins its task."""
    started = an_instance(database)
    fence = task(database, started.task_id)["fence"]
    control(database).pause_all(ALICE)
    control(database).resume_all(ALICE)
    assert len(begin(database, started.task_id, fences=[fence])) == 1


def test_a_clock_that_ran_back_takes_nothing_away(database: TestDatabase) -> None:
    """If the clock ran back, the total paused time does not shrink."""
    control(database, after(hours=1)).pause_all(ALICE)
    assert control(database).resume_all(ALICE)["paused_ms"] == 0


def test_resuming_what_is_not_paused_changes_nothing(database: TestDatabase) -> None:
    """It adds no time. The audit log has the call."""
    assert control(database).resume_all(ALICE) == {
        "paused": False,
        "paused_at": None,
        "paused_ms": 0,
    }
    (row,) = audit(database, "resume_all")
    assert row["before"] == row["after"] == {"paused": False}


def test_the_audit_log_tells_who_and_why(database: TestDatabase) -> None:
    """The audit log has the caller and the reason, with the engine as subject."""
    control(database).pause_all(ALICE)
    control(database).resume_all(ALICE)
    (row,) = audit(database, "resume_all")
    assert (row["actor"], row["reason"], row["subject"], row["after"]) == (
        "alice",
        "because",
        "engine",
        {"paused": False},
    )


@pytest.mark.race
def test_it_waits_for_a_commit_at_work(database: TestDatabase) -> None:
    """What a commit left pending because of the pause is claimed at once after resuming (I6)."""
    running = a_running_task(database)
    pause_all(database)
    item = (running.task_id, running.fence, a_decision(next_task=a_next(at=after(seconds=1))))
    committer, resumer = database.session(), database.session()
    committer.begin()
    assert commit(committer, item)[0]["next_status"] == "pending"
    waiting = start(lambda: resume_all(resumer))
    database.until_blocked(resumer)
    committer.commit()
    waiting.result()
    assert [row["task_id"] for row in claim(database)] == [f"{running.instance_id}:2"]
