"""resume_all: everything goes on, and step timeouts leave the pause out."""

from __future__ import annotations

from tests.builders import after, an_instance, begin, claim, task
from tests.databases import TestDatabase
from tests.stores import ALICE, audit, control


def test_pauses_add_up(database: TestDatabase) -> None:
    """Ten minutes and five are fifteen."""
    control(database).pause_all(ALICE)
    assert control(database, after(minutes=10)).resume_all(ALICE) == {"paused": False, "paused_at": None, "paused_ms": 600_000}
    control(database, after(minutes=20)).pause_all(ALICE)
    assert control(database, after(minutes=25)).resume_all(ALICE)["paused_ms"] == 900_000


def test_what_fell_due_meanwhile_is_claimed_at_once(database: TestDatabase) -> None:
    """No lease has to run out first."""
    started = an_instance(database)
    control(database).pause_all(ALICE)
    begin(database, started.task_id)
    control(database, after(minutes=1)).resume_all(ALICE)
    (claimed,) = claim(database, now=after(minutes=1))
    assert claimed["task_id"] == started.task_id


def test_a_message_that_was_never_looked_at_still_counts(database: TestDatabase) -> None:
    """Paused and resumed before it arrived."""
    started = an_instance(database)
    fence = task(database, started.task_id)["fence"]
    control(database).pause_all(ALICE)
    control(database).resume_all(ALICE)
    assert len(begin(database, started.task_id, fences=[fence])) == 1


def test_a_clock_that_ran_back_takes_nothing_away(database: TestDatabase) -> None:
    """The total never shrinks."""
    control(database, after(hours=1)).pause_all(ALICE)
    assert control(database).resume_all(ALICE)["paused_ms"] == 0


def test_resuming_what_is_not_paused_changes_nothing(database: TestDatabase) -> None:
    """It adds no time; the audit log says who asked."""
    assert control(database).resume_all(ALICE) == {"paused": False, "paused_at": None, "paused_ms": 0}
    (row,) = audit(database, "resume_all")
    assert row["before"] == row["after"] == {"paused": False}


def test_the_audit_log_tells_who_and_why(database: TestDatabase) -> None:
    """Its subject is the engine."""
    control(database).pause_all(ALICE)
    control(database).resume_all(ALICE)
    (row,) = audit(database, "resume_all")
    assert (row["actor"], row["reason"], row["subject"], row["after"]) == ("alice", "because", "engine", {"paused": False})
