"""resend_expired: a message is sent again under the same fence, a limited number of times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.builders import LEASE, NOON, a_cancel, an_instance, begin, pause_all, task
from tests.support.databases import Row, TestDatabase


def resend(database: TestDatabase, limit: int = 10) -> list[Row]:
    """Call resend_expired and return its rows."""
    return database.rows("select * from resend_expired(%s, %s)", (limit, LEASE))


def lose(database: TestDatabase, sends: int = 1) -> None:
    """Let the lease of every queued task expire."""
    database.rows(
        "update scheduled_tasks"
        " set lease_expires_at = clock_timestamp() - interval '1 s', sends = %s"
        " where status = 'queued'",
        (sends,),
    )


def test_queued_past_its_lease_is_sent_again_under_the_same_fence(database: TestDatabase) -> None:
    """The earlier message stays valid: either one may begin the task, once."""
    started = an_instance(database)
    fence = task(database, started.task_id)["fence"]
    assert resend(database) == []
    lose(database)
    (row,) = resend(database)
    assert (row["task_id"], row["fence"], row["due"]) == (started.task_id, fence, NOON)
    assert task(database, started.task_id)["sends"] == 2
    assert resend(database) == []
    assert len(begin(database, started.task_id, fences=[fence])) == 1
    assert begin(database, started.task_id, fences=[fence]) == []


@pytest.mark.parametrize(("sends", "leases"), [(1, 2), (2, 4), (3, 8), (12, 8)])
def test_lease_grows_with_every_send(database: TestDatabase, sends: int, leases: int) -> None:
    """The lease doubles up to eight times, so that resending does not worsen a backlog."""
    started = an_instance(database)
    lose(database, sends)
    resend(database)
    left = task(database, started.task_id)["lease_expires_at"] - datetime.now(UTC)  # noqa: TID251  # leases are wall time
    assert abs(left - leases * LEASE) < timedelta(seconds=5)


def test_after_twenty_sends_it_is_given_up(database: TestDatabase) -> None:
    """A task that was sent twenty times in vain is not sent again (I8)."""
    started = an_instance(database)
    lose(database, 19)
    assert len(resend(database)) == 1
    lose(database, 20)
    assert resend(database) == []
    assert task(database, started.task_id)["sends"] == 20


def test_global_pause_resends_cancels_only(database: TestDatabase) -> None:
    """While the engine is paused only cancels are sent again."""
    an_instance(database)
    cancelling = an_instance(database, a_cancel())
    pause_all(database)
    lose(database)
    assert [row["task_id"] for row in resend(database)] == [cancelling.task_id]


def test_running_task_is_never_resent(database: TestDatabase) -> None:
    """A task that runs past its lease is reclaimed, not sent."""
    started = an_instance(database)
    begin(database, started.task_id)
    database.rows(
        "update scheduled_tasks set lease_expires_at = clock_timestamp() - interval '1 s'"
    )
    assert resend(database) == []


def test_what_is_being_changed_is_passed_by(database: TestDatabase) -> None:
    """A locked task is skipped without waiting and left to the next tick."""
    held, lost = an_instance(database), an_instance(database)
    lose(database)
    holder = database.session()
    holder.begin()
    holder.rows(
        "select 1 from scheduled_tasks where task_id = %s for no key update", (held.task_id,)
    )
    database.rows("set lock_timeout = '2s'")
    assert [row["task_id"] for row in resend(database)] == [lost.task_id]
    holder.rollback()
