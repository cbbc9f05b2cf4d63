"""Races of the tick with everything else: it never waits, and its messages count once."""

from __future__ import annotations

import pytest

from tests.integration.races.calls import EXPIRE, hurry, resend, skip
from tests.support.builders import (
    Started,
    a_next,
    after,
    an_instance,
    begin,
    claim,
    instance,
    live_tasks,
    pause,
    reclaim,
    resume,
    stop,
    task,
)
from tests.support.databases import Session, TestDatabase
from tests.support.race import Call, race

pytestmark = pytest.mark.race
LATER = after(minutes=10)


def lost(database: TestDatabase, sends: int = 1) -> tuple[Started, Call]:
    """Return a queued task whose lease has expired, and a begin by its message."""
    started = an_instance(database)
    database.rows(EXPIRE)
    database.rows("update scheduled_tasks set sends = %s", (sends,))
    fence = task(database, started.task_id)["fence"]
    return started, lambda session: begin(session, started.task_id, fences=[fence])


def waiting(database: TestDatabase) -> Started:
    """Return a pending task that is due in ten minutes."""
    return an_instance(database, a_next(at=LATER))


def claim_it(session: Session) -> object:
    """Claim the task at the time it is due."""
    return claim(session, now=LATER)


def test_resend_twice_at_once(database: TestDatabase) -> None:
    """Of two ticks at once, one sends the task again and the other skips it (I8)."""
    started, _ = lost(database)
    one, two = race(database, resend, resend, waits=False)
    assert (len(one), two) == (1, [])
    assert task(database, started.task_id)["sends"] == 2


def test_resend_then_begin(database: TestDatabase) -> None:
    """A begin by the old message waits for the resend and succeeds: the fence is the same."""
    _, begin_it = lost(database)
    sent, begun = race(database, resend, begin_it)
    assert (len(sent), len(begun)) == (1, 1)


def test_begin_then_resend(database: TestDatabase) -> None:
    """A task that is being begun is not sent again."""
    started, begin_it = lost(database)
    begun, sent = race(database, begin_it, resend, waits=False)
    assert (len(begun), sent) == (1, [])
    assert resend(database) == []
    assert task(database, started.task_id)["status"] == "running"


def test_reclaim_of_the_undeliverable_then_begin(database: TestDatabase) -> None:
    """A late message begins nothing, because its task is being given up (I4)."""
    started, begin_it = lost(database, sends=20)
    taken, begun = race(database, reclaim, begin_it)
    assert ([row["reclaim_reason"] for row in taken], begun) == (["undeliverable"], [])
    assert task(database, started.task_id)["fence"] == taken[0]["fence"]


def test_begin_then_reclaim_of_the_undeliverable(database: TestDatabase) -> None:
    """Reclaim skips a task that is being begun, and then finds it leased."""
    started, begin_it = lost(database, sends=20)
    begun, taken = race(database, begin_it, reclaim, waits=False)
    assert (len(begun), taken, reclaim(database)) == (1, [], [])
    assert task(database, started.task_id)["fence"] == begun[0]["fence"]


def test_claim_then_stop(database: TestDatabase) -> None:
    """A stop waits for the claim and cancels its task, whose message begins nothing (I7)."""
    started = waiting(database)
    claimed, _ = race(database, claim_it, lambda s: stop(s, started.instance_id, now=LATER))
    assert (
        task(database, started.task_id)["status"],
        instance(database, started.instance_id)["status"],
    ) == ("cancelled", "stopped")
    assert begin(database, started.task_id, fences=[claimed[0]["fence"]], now=LATER) == []


def test_stop_then_claim(database: TestDatabase) -> None:
    """A claim skips a task that is being stopped."""
    started = waiting(database)
    _, claimed = race(
        database, lambda s: stop(s, started.instance_id, now=LATER), claim_it, waits=False
    )
    assert claimed == []
    assert live_tasks(database, started.instance_id) == []


def test_resume_then_claim(database: TestDatabase) -> None:
    """A task that a resume queued is not claimed too: it has one fence and one message."""
    started = waiting(database)
    pause(database, started.instance_id)
    (resumed, claimed) = race(
        database,
        lambda s: resume(s, started.instance_id, clock="run_on", now=LATER),
        claim_it,
        waits=False,
    )
    (sent,) = resumed["answer"]["send"]
    assert (claimed, claim(database, now=LATER)) == ([], [])
    assert task(database, started.task_id)["fence"] == sent["fence"]


def test_claim_then_skip(database: TestDatabase) -> None:
    """A skip waits for the claim and cancels the task, whose message begins nothing."""
    started = waiting(database)
    claimed, _ = race(database, claim_it, skip(started.instance_id, now=LATER))
    assert begin(database, started.task_id, fences=[claimed[0]["fence"]], now=LATER) == []
    assert live_tasks(database, started.instance_id) == ["queued"]
    assert task(database, f"{started.instance_id}:2")["phase"] == "submit"


def test_skip_then_claim(database: TestDatabase) -> None:
    """A claim skips a task that is being skipped, and the task that the skip queued."""
    started = waiting(database)
    _, claimed = race(database, skip(started.instance_id, now=LATER), claim_it, waits=False)
    assert (claimed, claim(database, now=LATER)) == ([], [])


def test_run_now_then_claim(database: TestDatabase) -> None:
    """A task that run-now queued is not claimed too."""
    started = waiting(database)
    hurried, claimed = race(database, hurry(started.instance_id, now=LATER), claim_it, waits=False)
    assert (claimed, claim(database, now=LATER)) == ([], [])
    assert task(database, started.task_id)["fence"] == hurried["send"][0]["fence"]


def test_reclaim_then_stop(database: TestDatabase) -> None:
    """A stop waits for the reclaim and leaves the task to it."""
    started = an_instance(database)
    begin(database, started.task_id)
    database.rows(EXPIRE)
    taken, _ = race(database, reclaim, lambda s: stop(s, started.instance_id))
    assert (
        task(database, started.task_id)["fence"],
        task(database, started.task_id)["status"],
    ) == (taken[0]["fence"], "running")
    assert instance(database, started.instance_id)["status"] == "stopping"


def test_stop_then_reclaim(database: TestDatabase) -> None:
    """Reclaim skips a task that is being stopped. The next tick finds the stop."""
    started = an_instance(database)
    begin(database, started.task_id)
    database.rows(EXPIRE)
    _, taken = race(database, lambda s: stop(s, started.instance_id), reclaim, waits=False)
    assert taken == []
    assert [row["instance_status"] for row in reclaim(database)] == ["stopping"]
