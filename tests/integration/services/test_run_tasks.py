"""Each task has its effect once, in the second it is due, however its message arrives."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from flamebot.adapters.clock.system import SystemClock
from flamebot.adapters.dynamodb.locks import DynamoLocks
from flamebot.adapters.sqs.queue import SqsStepQueue
from flamebot.ports.locks import Holder, Verdict
from flamebot.ports.queue import Message
from tests.integration.services.engine import LEASE, TESTER, Engine, swipe

REST = {"id": "rest", "action": "wait", "delay": "30s"}


def test_a_workflow_runs_to_its_end(engine: Engine) -> None:
    """A wait, a text, an effect and a poll each run once and are recorded in the history."""
    engine.define(REST, {"id": "bio", "action": "add_bio"}, swipe())
    instance = engine.start()
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"
    assert engine.history(instance) == [
        ("rest", "completed"),
        ("bio", "completed"),
        ("swipe", "completed"),
    ]
    assert engine.effects() == ["updateBio", "startSwipeTask"]
    assert [task["sequence"] for task in engine.tasks(instance)] == list(
        range(1, len(engine.tasks(instance)) + 1)
    )


def test_nothing_begins_early_and_all_at_once_what_is_due(engine: Engine) -> None:
    """I6: wait, generate and submit run in one invocation, at the second that is due."""
    engine.define(REST, {"id": "bio", "action": "add_bio"})
    instance = engine.start()
    (first,) = engine.tasks(instance)
    engine.drive(engine.ended(instance))
    tasks = engine.tasks(instance)
    assert all(task["started_at"] >= task["scheduled_for"] for task in tasks)
    assert tasks[0]["started_at"] - first["scheduled_for"] < timedelta(seconds=1)
    assert [task["phase"] for task in tasks] == ["timer", "generate", "submit", "poll"]
    assert len({task["begun_by"] for task in tasks[:3]}) == 1
    assert "".join(engine.queue.bodies).count('"submit"') == 0


def test_the_databases_clock_decides_what_is_due(engine: Engine) -> None:
    """I6: where no schedule clock is set the database's clock is schedule time.

    The function waits until the task is due.
    """
    engine.define({"id": "rest", "action": "wait", "delay": "1s"}, swipe())
    instance = engine.start()
    engine.deliver(engine.queue.kept.pop().body, runner=engine.step(clock=SystemClock()))
    first = engine.tasks(instance)[0]
    assert timedelta() <= first["started_at"] - first["scheduled_for"] < timedelta(seconds=0.5)
    assert engine.effects() == ["startSwipeTask"]


def test_a_message_delivered_three_times_at_once_is_one_effect(engine: Engine) -> None:
    """I4, I5: of three deliveries of the same message one runs the task."""
    engine.define(swipe())
    engine.start()
    (body,) = engine.queue.take()
    runners = [engine.step() for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda runner: engine.deliver(body, runner=runner), runners)) == [
            [],
            [],
            [],
        ]
    assert engine.effects() == ["startSwipeTask"]
    assert len(engine.writes("startSwipeTask")) == 1
    assert engine.actions.provider.ledger()["overlaps"] == []


def test_the_lock_table_keeps_deliveries_apart(engine: Engine, aws: Any, lock_table: str) -> None:
    """I4: on DynamoDB a message delivered five times at once is one effect."""
    engine.define(swipe())
    engine.start(account="locked")
    (body,) = engine.queue.take()
    dynamodb = aws("dynamodb")
    locks = [
        DynamoLocks(dynamodb, lock_table, timeout=timedelta(seconds=300), lease=LEASE)
        for _ in range(5)
    ]
    runners = [engine.step(locks=each) for each in locks]
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda runner: engine.deliver(body, runner=runner), runners))
    assert len(engine.writes("startSwipeTask", "locked")) == 1
    holder = Holder(delivery_id="another", instance_id="another", sequence=1, fence=1)
    assert locks[0].acquire("locked", holder).verdict is Verdict.ACQUIRED


def test_the_same_message_twice_in_one_batch_is_one_effect(engine: Engine) -> None:
    """Two copies of a message in one invocation run the task once."""
    engine.define(swipe())
    engine.start()
    (body,) = engine.queue.take()
    assert engine.deliver(body, body) == []
    assert len(engine.writes("startSwipeTask")) == 1


def test_an_unreadable_message_is_failed_alone(engine: Engine) -> None:
    """An unreadable message alone is reported as failed; the other messages are run."""
    engine.define(swipe())
    instance = engine.start()
    (body,) = engine.queue.take()
    no_sequence = '{"v":1,"tasks":[["no-sequence",1,"acc","timer","2026-01-01T00:00:00+00:00"]]}'
    no_zone = '{"v":1,"tasks":[["a:1",1,"acc","timer","2026-01-01T00:00:00"]]}'
    assert engine.deliver("{}", body, no_sequence, no_zone) == ["0", "2", "3"]
    assert len(engine.keys()) == 1
    assert engine.status(instance) == "active"


def test_a_dead_database_fails_the_whole_batch(engine: Engine) -> None:
    """If no task could begin, all messages are reported as failed and are delivered again."""
    engine.define(swipe())
    engine.start()
    (body,) = engine.queue.take()
    runner = engine.step(url=lambda: "postgresql://user@127.0.0.1:1/none")
    assert engine.deliver(body, runner=runner) == ["0"]
    assert engine.writes() == []


def test_a_defect_in_sending_fails_no_message(engine: Engine) -> None:
    """I6: if the send after a commit fails, the effect stays committed.

    Its poll is queued, and a tick sends it again after its lease.
    """

    class Broken:
        def send(self, messages: Sequence[Message]) -> int:
            raise RuntimeError

    engine.define(swipe())
    instance = engine.start()
    (body,) = engine.queue.take()
    assert (
        engine.deliver(
            body, runner=engine.step(wrap=lambda name, port: Broken() if name == "queue" else port)
        )
        == []
    )
    assert "send_failed" in engine.telemetry.events()
    assert [(task["phase"], task["status"]) for task in engine.tasks(instance)] == [
        ("submit", "completed"),
        ("poll", "queued"),
    ]


def test_tasks_of_many_accounts_share_an_invocation(engine: Engine) -> None:
    """Thirty accounts, three threads: each effect once, and no account waits for another's lock."""
    engine.define(swipe())
    instances = [engine.start(account=f"acc-{number:02}") for number in range(30)]
    engine.drive(lambda: all(engine.status(instance) == "completed" for instance in instances))
    assert len(engine.actions.provider.ledger()["jobs"]) == 30
    assert "LockContended" not in engine.telemetry.counts
    assert engine.telemetry.counts["WorkflowsCompleted"] == 30


def test_an_endless_loop_goes_round(engine: Engine) -> None:
    """Each effect of an endless loop has its own key, and a stop ends the loop."""
    engine.define(
        swipe(delay="1h"),
        {"id": "again", "action": "goto", "nextStep": "swipe", "infiniteAllowed": True},
    )
    instance = engine.start()
    engine.drive(lambda: len(engine.effects()) == 3)
    assert len(set(engine.keys())) == 3
    engine.send(engine.control.stop_workflow(instance, TESTER).send)
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "stopped"


def test_messages_survive_a_real_queue(engine: Engine, aws: Any) -> None:
    """SQS returns a message unchanged, in the second that its task is due."""
    sqs = aws("sqs")
    url = sqs.create_queue(QueueName="steps")["QueueUrl"]
    engine.define({"id": "rest", "action": "wait", "delay": "1s"}, swipe())
    instance = engine.start()
    sent = [Message(body=kept.body, delay_seconds=0) for kept in engine.queue.kept]
    assert SqsStepQueue(sqs, url).send(sent) == 1
    engine.queue.kept.clear()
    (received,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    engine.deliver(received["Body"])
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"


def test_of_two_pointers_to_a_task_the_newer_one_counts(engine: Engine) -> None:
    """I6: a message from before a pause comes in the same batch as the one from after it.

    The newer message runs the task.
    """
    engine.define(swipe())
    instance = engine.start()
    (old,) = engine.queue.take()
    engine.control.pause_workflow(instance, TESTER)
    engine.send(engine.control.resume_workflow(instance, "freeze", TESTER).send)
    (new,) = engine.queue.take()
    assert engine.deliver(new, old) == []
    assert len(engine.writes("startSwipeTask")) == 1


def test_what_travelled_alone_is_sent_on_alone(engine: Engine) -> None:
    """An early task that was alone in its message is sent again alone.

    Such a task may be the one that crashed its process.
    """
    engine.define({"id": "rest", "action": "wait", "delay": "60s"})
    for name in "ab":
        engine.start(account=name)
    engine.queue.kept.clear()
    sent, engine.queue.bodies = list(engine.queue.bodies), []
    moment = {"now": engine.clock.now() + timedelta(seconds=60)}
    engine.database.rows(
        "update scheduled_tasks set scheduled_for = date_trunc('second', %(now)s)", moment
    )
    bodies = [
        re.sub(
            r'"timer","[^"]+"',
            f'"timer","{moment["now"].replace(microsecond=0).isoformat()}"',
            body,
        )
        for body in sent
    ]
    assert engine.deliver(*bodies) == []
    assert len(engine.queue.bodies) == 2


class _Meanwhile:
    """A service that calls a hook of the test during a write."""

    def __init__(self, service: Any, happens: Callable[[], object]) -> None:
        self._service = service
        self._happens = happens

    def submit(self, *arguments: Any, **named: Any) -> Any:
        self._happens()
        return self._service.submit(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._service, name)


def test_a_duplicate_leaves_the_lock_to_its_twin(engine: Engine) -> None:
    """I4: each delivery is a holder of its own.

    A duplicate, which begins nothing, does not release the lock of the delivery that runs.
    """
    engine.define(swipe())
    engine.start()
    (body,) = engine.queue.take()
    kept: list[bool] = []

    def doubled() -> None:
        assert engine.deliver(body, runner=engine.step()) == []
        kept.append(engine.database.value("select has_workflow_lock('account:acc')"))

    engine.deliver(
        body,
        runner=engine.step(
            wrap=lambda name, port: _Meanwhile(port, doubled) if name == "service" else port
        ),
    )
    assert kept == [True]
    assert len(engine.writes("startSwipeTask")) == 1
