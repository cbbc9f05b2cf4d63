"""engine_health returns what the database can measure of the engine's health."""

from __future__ import annotations

import json
from datetime import timedelta

from flamebot.domain.errors import StoreUnavailable
from tests.support.builders import a_cancel, a_next, after, an_instance, begin, reclaim
from tests.support.databases import TestDatabase
from tests.support.stores import ALICE, control, forced, maintenance, reads


def test_a_fresh_engine_is_idle(database: TestDatabase) -> None:
    """There is no tick yet and nothing due. The first tick is expected from the migration on."""
    health = reads(database).engine_health()
    assert health["last_tick"] is None
    assert 0 <= health["last_tick_age_seconds"] < 600
    assert health["oldest_due_age_seconds"] == 0
    assert (
        health["due_backlog"],
        health["queued"],
        health["running"],
        health["undelivered_messages"],
        health["expired_leases"],
    ) == (0, 0, 0, 0, 0)
    assert (health["paused"], health["read_only"]) == (False, False)
    assert maintenance(database).engine_health().keys() == health.keys()


def test_the_last_tick_is_returned(database: TestDatabase) -> None:
    """The last tick is returned with its time, in wall time, and its counts."""
    database.rows("select record_tick(3, 2, 0.25)")
    health = reads(database).engine_health()
    assert health["last_tick"] == {"claimed": 3, "sent": 2, "seconds": 0.25}
    assert 0 <= health["last_tick_age_seconds"] < 30
    assert health["last_tick_at"].tzinfo is not None


def test_what_is_due_and_has_not_begun_is_the_backlog(database: TestDatabase) -> None:
    """Pending and queued tasks count, and their age is schedule time.

    Later and running tasks do not count.
    """
    pending = an_instance(database, a_next(at=after(hours=1)))
    queued = an_instance(database, a_next(at=after(seconds=30)))
    running = an_instance(database)
    begin(database, running.task_id)
    health = reads(database, after(hours=2)).engine_health()
    assert (health["due_backlog"], health["oldest_due_age_seconds"]) == (2, 7170)
    assert (health["queued"], health["running"]) == (1, 1)
    begin(database, queued.task_id, now=after(hours=2))
    assert reads(database, after(hours=2)).engine_health()["oldest_due_age_seconds"] == 3600
    assert reads(database, after(minutes=1)).engine_health()["due_backlog"] == 0
    assert pending.task_id


def test_expired_leases_are_counted(database: TestDatabase) -> None:
    """Expired leases of queued tasks and of running tasks are counted apart."""
    lost, crashed = an_instance(database), an_instance(database)
    begin(database, crashed.task_id)
    assert reads(database).engine_health()["oldest_expired_age_seconds"] == 0
    for task_id, seconds in ((lost.task_id, 100), (crashed.task_id, 50)):
        database.rows(
            "update scheduled_tasks"
            " set lease_expires_at = clock_timestamp() - %s * interval '1 second'"
            " where task_id = %s",
            (seconds, task_id),
        )
    health = reads(database).engine_health()
    assert (health["undelivered_messages"], health["expired_leases"]) == (1, 1)
    assert 100 <= health["oldest_expired_age_seconds"] < 130


def test_under_a_global_pause_only_a_cancel_can_be_lost(database: TestDatabase) -> None:
    """During a global pause only cancels are sent again, and running tasks are still reclaimed."""
    lost, cancel, crashed = (
        an_instance(database),
        an_instance(database, a_cancel()),
        an_instance(database),
    )
    begin(database, crashed.task_id)
    for task_id in (lost.task_id, cancel.task_id, crashed.task_id):
        forced(database, task_id, lease_expires_at="2001-01-01T00:00:00Z")
    assert reads(database).engine_health()["undelivered_messages"] == 2
    control(database).pause_all(ALICE)
    health = reads(database).engine_health()
    assert (health["undelivered_messages"], health["expired_leases"]) == (1, 1)


def test_due_cancels_have_an_age_of_their_own(database: TestDatabase) -> None:
    """The oldest due cancel has an age of its own, because cancels run under a global pause."""
    an_instance(database)
    assert reads(database, after(hours=2)).engine_health()["oldest_cancel_age_seconds"] == 0
    an_instance(database, a_cancel(at=after(hours=1)))
    assert reads(database, after(hours=2)).engine_health()["oldest_cancel_age_seconds"] == 3600
    an_instance(database, a_cancel())
    health = reads(database, after(hours=2)).engine_health()
    assert (health["oldest_cancel_age_seconds"], health["oldest_due_age_seconds"]) == (7200, 7200)


def test_what_runs_has_an_age(database: TestDatabase) -> None:
    """The age counts from the begin, in schedule time.

    A reclaim that could not be planned does not reset it.
    """
    mine = an_instance(database)
    assert reads(database).engine_health()["oldest_running_age_seconds"] == 0
    begin(database, mine.task_id)
    forced(database, mine.task_id, lease_expires_at="2001-01-01T00:00:00Z")
    assert len(reclaim(database, now=after(minutes=3))) == 1
    health = reads(database, after(minutes=6)).engine_health()
    assert (health["oldest_running_age_seconds"], health["expired_leases"]) == (360, 0)


def test_a_missing_partition_is_noticed_a_day_before(database: TestDatabase) -> None:
    """The partition of tomorrow is checked. The rows of today may be in the default partition."""
    assert reads(database, after(days=4000)).engine_health()["history_ready"] is False
    maintenance(database, after(days=4000)).maintain_history(timedelta(days=90))
    assert reads(database, after(days=4000)).engine_health()["history_ready"] is True
    assert reads(database, after(days=4006)).engine_health()["history_ready"] is True
    assert reads(database, after(days=4007)).engine_health()["history_ready"] is False


def test_the_oldest_open_transaction_is_returned(database: TestDatabase) -> None:
    """Transactions of other clients count. The query itself does not."""
    assert reads(database).engine_health()["oldest_transaction_age_seconds"] == 0
    session = database.session()
    session.begin()
    session.rows("select 1")
    session.rows("select pg_sleep(0.2)")
    assert 0.2 <= reads(database).engine_health()["oldest_transaction_age_seconds"] < 30


def test_the_global_pause_is_returned(database: TestDatabase) -> None:
    """A global pause is reported: it explains why nothing begins."""
    control(database).pause_all(ALICE)
    health = reads(database).engine_health()
    assert (health["paused"], health["paused_at"], health["paused_seconds"]) == (True, after(), 0)
    assert reads(database, after(hours=1)).engine_health()["paused_seconds"] == 3600


def test_the_latest_global_pause_is_returned_after_its_end(database: TestDatabase) -> None:
    """When it ended and how long it lasted; without any pause both are unknown."""
    fresh = reads(database).engine_health()
    assert (fresh["resumed_age_seconds"], fresh["resumed_after_seconds"]) == (None, None)
    for begun, ended in ((1, 5), (6, 8)):
        control(database, after(hours=begun)).pause_all(ALICE)
        control(database, after(hours=ended)).resume_all(ALICE)
    health = reads(database, after(hours=9)).engine_health()
    assert (health["resumed_age_seconds"], health["resumed_after_seconds"]) == (3600, 7200)


def test_a_database_that_cannot_be_written_to_says_so(database: TestDatabase) -> None:
    """A database that is read-only, after a failover or with a full disk, is reported as such."""
    session = database.session()
    session.rows("set default_transaction_read_only = on")
    assert session.value("select engine_health(null)")["read_only"] is True


def test_it_can_be_written_as_json(database: TestDatabase) -> None:
    """All values can be written as JSON, except that times are datetimes."""
    assert json.dumps(maintenance(database).engine_health(), default=str)
    assert issubclass(StoreUnavailable, Exception)
