"""engine_health: what the database knows of how the engine does."""

from __future__ import annotations

import json

from flamebot.domain.errors import StoreUnavailable
from tests.builders import a_next, after, an_instance, begin
from tests.databases import TestDatabase
from tests.stores import ALICE, control, forced, reads, upkeep


def test_a_fresh_engine_is_idle(database: TestDatabase) -> None:
    """No tick yet, nothing due, nothing lost."""
    told = reads(database).health()
    assert told["last_tick_at"] is None
    assert told["last_tick_age_seconds"] is None
    assert told["oldest_due_age_seconds"] == 0
    assert (told["due_backlog"], told["queued"], told["running"], told["lost_messages"], told["expired_leases"]) == (0, 0, 0, 0, 0)
    assert (told["paused"], told["read_only"]) == (False, False)
    assert upkeep(database).health().keys() == told.keys()


def test_the_last_tick_is_told(database: TestDatabase) -> None:
    """When, in real time, and what it did."""
    upkeep(database).record_tick(3, 2, 0.25)
    told = reads(database).health()
    assert told["last_tick"] == {"claimed": 3, "sent": 2, "seconds": 0.25}
    assert 0 <= told["last_tick_age_seconds"] < 30
    assert told["last_tick_at"].tzinfo is not None


def test_what_is_due_and_has_not_begun_is_the_backlog(database: TestDatabase) -> None:
    """Pending or queued; its age is engine time; what is due later or runs already does not count."""
    pending = an_instance(database, a_next(at=after(hours=1)))
    queued = an_instance(database, a_next(at=after(seconds=30)))
    running = an_instance(database)
    begin(database, running.task_id)
    told = reads(database, after(hours=2)).health()
    assert (told["due_backlog"], told["oldest_due_age_seconds"]) == (2, 7170)
    assert (told["queued"], told["running"]) == (1, 1)
    begin(database, queued.task_id, now=after(hours=2))
    assert reads(database, after(hours=2)).health()["oldest_due_age_seconds"] == 3600
    assert reads(database, after(minutes=1)).health()["due_backlog"] == 0
    assert pending.task_id


def test_leases_that_ran_out_are_told(database: TestDatabase) -> None:
    """Messages that got lost, and invocations that did."""
    lost, crashed = an_instance(database), an_instance(database)
    begin(database, crashed.task_id)
    for task_id in (lost.task_id, crashed.task_id):
        forced(database, task_id, lease_expires_at="2001-01-01T00:00:00Z")
    told = reads(database).health()
    assert (told["lost_messages"], told["expired_leases"]) == (1, 1)


def test_the_global_pause_is_told(database: TestDatabase) -> None:
    """Nobody wonders why nothing begins."""
    control(database).pause_all(ALICE)
    told = reads(database).health()
    assert (told["paused"], told["paused_at"]) == (True, after())


def test_a_database_that_cannot_be_written_to_says_so(database: TestDatabase) -> None:
    """A failover made it a replica, or its disk is full."""
    session = database.session()
    session.rows("set default_transaction_read_only = on")
    assert session.value("select engine_health(null)")["read_only"] is True


def test_it_can_be_told_as_json(database: TestDatabase) -> None:
    """But for its times, which are datetimes."""
    assert json.dumps(upkeep(database).health(), default=str)
    assert issubclass(StoreUnavailable, Exception)
