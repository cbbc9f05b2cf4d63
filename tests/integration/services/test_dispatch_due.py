"""The tick queues each due task once, and repairs lost messages and crashes."""

from __future__ import annotations

from datetime import timedelta

from flamebot.domain.message import decode
from tests.integration.services.engine import TESTER, Engine, swipe


def rest(seconds: int) -> dict[str, object]:
    """Return a definition step that waits."""
    return {"id": "rest", "action": "wait", "delay": f"{seconds}s"}


def test_what_falls_due_within_the_horizon_is_sent_with_its_delay(engine: Engine) -> None:
    """A task does not wait for the next whole minute.

    It becomes visible in the second that it is due in, or a tenth later (docs/adr/0011).
    """
    engine.define(rest(150))
    instance = engine.start()
    assert (engine.tick().claimed, engine.queue.kept) == (0, [])
    engine.setter.advance(60)
    report = engine.tick()
    assert (report.claimed, report.sent) == (1, 1)
    (kept,) = engine.queue.kept
    due = engine.tasks(instance)[0]["scheduled_for"]
    assert timedelta(seconds=-0.1) <= due - kept.visible_at < timedelta(seconds=1.1)
    assert engine.tick().claimed == 0


def test_tasks_of_one_second_share_messages(engine: Engine) -> None:
    """Twenty-five tasks that are due are three messages."""
    engine.define(rest(200))
    moment = engine.clock.now()
    for number in range(25):
        engine.start(account=f"acc-{number}")
    engine.database.rows("update scheduled_tasks set scheduled_for = %s", (moment,))
    report = engine.tick()
    assert (report.claimed, report.sent) == (25, 25)
    assert sorted(len(decode(body)) for body in engine.queue.take()) == [5, 10, 10]


def test_a_lost_message_is_sent_again_with_the_same_fence(engine: Engine) -> None:
    """A lost message is sent again under its fence, so an older copy still counts."""
    engine.define(swipe())
    instance = engine.start()
    (first,) = engine.queue.take()
    engine.outlive()
    assert engine.tick().resent == 1
    (second,) = engine.queue.take()
    assert first == second
    engine.deliver(first)
    engine.deliver(second)
    assert len(engine.writes("startSwipeTask")) == 1
    assert engine.tasks(instance)[0]["sends"] == 2


def test_a_task_whose_runner_died_goes_on(engine: Engine) -> None:
    """After its lease the task is reclaimed, queued again, and sent in a message of its own."""
    engine.define(swipe())
    instance = engine.start()
    engine.queue.take()
    engine.database.rows(
        (
            "select * from begin_tasks(array[%(task)s], array[%(fence)s]::bigint[], "
            "gen_random_uuid(), %(now)s, interval '90 seconds')"
        ),
        {
            "task": f"{instance}:1",
            "fence": engine.tasks(instance)[0]["fence"],
            "now": engine.clock.now(),
        },
    )
    assert engine.tick().reclaimed == 0
    engine.outlive()
    report = engine.tick()
    assert (report.reclaimed, engine.telemetry.counts["LeasesExpired"]) == (1, 1)
    (task,) = engine.tasks(instance)
    assert (task["status"], task["reclaims"], task["attempts"], task["outcome_unknown"]) == (
        "queued",
        1,
        0,
        True,
    )
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"


def test_a_message_that_is_never_received_is_given_up(engine: Engine) -> None:
    """I8: after twenty sends without a begin the step fails."""
    engine.define(swipe())
    instance = engine.start()
    engine.queue.take()
    for _ in range(25):
        engine.outlive()
        engine.tick()
        engine.queue.take()
    assert engine.status(instance) == "failed"
    assert engine.database.value("select last_error from workflow_instances").startswith(
        "undeliverable"
    )
    assert engine.tasks(instance)[0]["sends"] <= 20


def test_a_paused_engine_is_sent_only_cancels(engine: Engine) -> None:
    """I7: under a global pause nothing is claimed or sent again but the cancel of a job."""
    engine.define(swipe(swipeCount=300))
    stopped, waiting = engine.start(account="a"), engine.start(account="b")
    engine.deliver(*engine.queue.take())
    engine.control.stop_workflow(stopped, TESTER)
    engine.control.pause_all(TESTER)
    engine.outlive()
    engine.setter.advance(30)
    engine.tick()
    engine.deliver(*engine.queue.take())
    assert engine.status(stopped) == "stopped"
    assert [job["status"] for job in engine.actions.provider.ledger("a")["jobs"]] == ["cancelled"]
    assert [task["status"] for task in engine.tasks(waiting)] == ["completed", "pending"]
    engine.control.resume_all(TESTER)
    engine.drive(engine.ended(waiting))
    assert engine.status(waiting) == "completed"


def test_an_api_that_ends_the_pause_sends_at_once(engine: Engine) -> None:
    """What became due during the pause does not wait for a tick."""
    engine.define(rest(1))
    instances = [engine.start(account=name) for name in "abc"]
    engine.control.pause_all(TESTER)
    engine.setter.advance(2)
    engine.deliver(*engine.queue.take())
    assert {task["status"] for task in engine.tasks()} == {"pending"}
    engine.control.resume_all(TESTER)
    assert engine.dispatch() == 3
    engine.deliver(*engine.queue.take())
    assert [engine.status(instance) for instance in instances] == ["completed"] * 3


def test_the_tick_leaves_a_heartbeat(engine: Engine) -> None:
    """The tick records its time for the health check, and its backlog as a metric."""
    engine.define(rest(1))
    engine.start()
    engine.tick()
    assert engine.database.value("select last_tick is not null from engine_control")
    assert engine.telemetry.counts["TickHeartbeat"] == 1
    assert {"TasksClaimed", "LeasesExpired", "DueBacklog"} <= set(engine.telemetry.counts)
    assert {"TickDuration", "OldestDueAge"} <= set(engine.telemetry.durations)


def test_a_queue_that_is_down_stops_the_claims(engine: Engine) -> None:
    """While the queue is down the tick claims no more; what it claimed is sent after a lease."""
    engine.define(rest(150))
    instance = engine.start()
    engine.setter.advance(60)
    engine.queue.down = True
    report = engine.tick()
    assert (report.claimed, report.sent) == (1, 0)
    engine.queue.down = False
    engine.outlive()
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"
