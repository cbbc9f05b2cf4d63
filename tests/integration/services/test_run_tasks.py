"""A workflow runs to its end, each effect once, whatever the actions service answers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from devstack.faults import Fault
from flamebot.adapters.dynamodb.locks import DynamoLocks
from flamebot.adapters.sqs.queue import SqsStepQueue
from flamebot.domain.draw import Draw
from flamebot.domain.plan import plan_retry
from flamebot.ports.locks import Holder, Verdict
from flamebot.ports.queue import Message
from tests.integration.services.engine import LEASE, SECRET, TESTER, Engine, swipe

REST = {"id": "rest", "action": "wait", "delay": "30s"}


def keys(engine: Engine, operation: str = "startSwipeTask") -> list[str]:
    """The keys of the writes that arrived, in order."""
    return [write["key"] for write in engine.writes(operation)]


def retry(engine: Engine, instance_id: str) -> None:
    """An operator's retry."""
    standing = engine.control.standing(instance_id)
    definition = engine.catalog().get(standing.instance.workflow_id)
    task_id = standing.task.task_id if standing.task else ""
    decision = plan_retry(definition, standing.instance, standing.task, standing.now, Draw(task_id))
    engine.send(engine.control.retry_workflow(instance_id, standing.instance.revision, decision, TESTER).send)


def test_a_workflow_runs_to_its_end(engine: Engine) -> None:
    """Wait, text, effect and poll: each step once, and the history tells them all."""
    engine.define(REST, {"id": "bio", "action": "add_bio"}, swipe())
    instance = engine.start()
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"
    assert engine.history(instance) == [("rest", "completed"), ("bio", "completed"), ("swipe", "completed")]
    assert engine.effects() == ["updateBio", "startSwipeTask"]
    assert [task["sequence"] for task in engine.tasks(instance)] == list(range(1, len(engine.tasks(instance)) + 1))


def test_nothing_begins_early_and_all_at_once_what_is_due(engine: Engine) -> None:
    """I6: the bio's text, submit and the wait before them are one invocation, begun at the second that the wait ends in."""
    engine.define(REST, {"id": "bio", "action": "add_bio"})
    instance = engine.start()
    (first,) = engine.tasks(instance)
    engine.drive(engine.ended(instance))
    tasks = engine.tasks(instance)
    assert all(task["started_at"] >= task["scheduled_for"] for task in tasks)
    assert tasks[0]["started_at"] - first["scheduled_for"] < timedelta(seconds=1)
    assert [task["phase"] for task in tasks] == ["wake", "text", "submit", "poll"]
    assert len({task["begun_by"] for task in tasks[:3]}) == 1
    assert "".join(engine.queue.bodies).count('"submit"') == 0


def test_a_message_delivered_three_times_at_once_is_one_effect(engine: Engine) -> None:
    """I4, I5: three deliveries of the same message are three holders, and one of them runs the task."""
    engine.define(swipe())
    engine.start()
    (body,) = engine.queue.take()
    runners = [engine.step() for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda runner: engine.deliver(body, runner=runner), runners)) == [[], [], []]
    assert engine.effects() == ["startSwipeTask"]
    assert len(engine.writes("startSwipeTask")) == 1
    assert engine.actions.provider.ledger()["overlaps"] == []


def test_the_lock_table_keeps_deliveries_apart(engine: Engine, aws: Any, lock_table: str) -> None:
    """I4: on DynamoDB as on Postgres a message delivered five times at once is one effect, and the lock is free afterwards."""
    engine.define(swipe())
    engine.start(account="locked")
    (body,) = engine.queue.take()
    dynamodb = aws("dynamodb")
    locks = [DynamoLocks(dynamodb, lock_table, timeout=timedelta(seconds=300), lease=LEASE) for _ in range(5)]
    runners = [engine.step(locks=each) for each in locks]
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda runner: engine.deliver(body, runner=runner), runners))
    assert len(engine.writes("startSwipeTask", "locked")) == 1
    holder = Holder(nonce="another", instance_id="another", sequence=1, fence=1)
    assert locks[0].acquire("locked", holder).verdict is Verdict.ACQUIRED


def test_the_same_message_twice_in_one_batch_is_one_effect(engine: Engine) -> None:
    """A queue may put both copies into the same invocation."""
    engine.define(swipe())
    engine.start()
    (body,) = engine.queue.take()
    assert engine.deliver(body, body) == []
    assert len(engine.writes("startSwipeTask")) == 1


def test_503_twice_is_sent_again_with_key_and_body(engine: Engine) -> None:
    """The outcome is unknown: the same key and bytes after the backoff, never sooner than Retry-After, and then it succeeds."""
    engine.define(swipe(swipeCount={"min": 3, "max": 30}))
    engine.actions.faults.add(Fault(kind="unavailable", count=2, retry_after=7))
    instance = engine.start()
    began = engine.clock.now()
    engine.drive(engine.ended(instance))
    writes = engine.writes("startSwipeTask")
    assert [write["status"] for write in writes] == [503, 503, 202]
    assert len({(write["key"], write["bodyHash"]) for write in writes}) == 1
    assert engine.history(instance) == [("swipe", "retried"), ("swipe", "retried"), ("swipe", "completed")]
    assert engine.clock.now() - began >= timedelta(seconds=14)
    assert engine.tasks(instance)[0]["attempts"] == 3


@pytest.mark.parametrize("kind", ["drop", "reset"])
def test_a_lost_answer_is_one_effect(engine: Engine, kind: Any) -> None:
    """Done and not told, or not done: the same key either way."""
    engine.define(swipe())
    engine.actions.faults.add(Fault(kind=kind))
    instance = engine.start()
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"
    assert len(set(keys(engine))) == 1
    assert engine.effects() == ["startSwipeTask"]


def test_a_slow_answer_is_one_effect(engine: Engine) -> None:
    """A call that times out may have worked: its lock lapses, its key is sent again."""
    engine.define(swipe())
    engine.actions.faults.add(Fault(kind="slow", seconds=2.5))
    instance = engine.start()
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"
    assert len(set(keys(engine))) == 1
    assert engine.effects() == ["startSwipeTask"]


@pytest.mark.parametrize("kind", ["fail_job", "cancel_job"])
def test_a_failed_job_is_done_anew_under_a_new_key(engine: Engine, kind: Any) -> None:
    """I5: a new key only after the service called the old one's work failed or cancelled; the text is not written anew."""
    engine.define({"id": "bio", "action": "add_bio"})
    engine.actions.faults.add(Fault(kind=kind))
    instance = engine.start()
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"
    first, second = engine.writes("updateBio")
    assert first["key"] != second["key"]
    assert first["bodyHash"] == second["bodyHash"]
    assert [task["phase"] for task in engine.tasks(instance)] == ["text", "submit", "poll", "submit", "poll"]
    assert [task["attempts"] for task in engine.tasks(instance)][1:4] == [1, 1, 2]


def test_down_for_good_fails_a_critical_step_and_retry_resumes(engine: Engine) -> None:
    """After the last attempt the workflow fails; retry takes it up where it failed, under the same key."""
    engine.define(swipe("first"), swipe("second", delay="1m"))
    instance = engine.start()
    engine.drive(lambda: ("first", "completed") in engine.history(instance))
    engine.actions.faults.add(Fault(kind="unavailable", count=None))
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "failed"
    assert engine.history(instance)[1:] == [("second", "retried"), ("second", "retried"), ("second", "failed")]
    assert engine.telemetry.counts["TasksExhausted"] == engine.telemetry.counts["WorkflowsFailed"] == 1
    engine.actions.faults.clear()
    retry(engine, instance)
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"
    assert len(set(keys(engine))) == 2
    assert engine.effects() == ["startSwipeTask", "startSwipeTask"]


def test_down_for_good_passes_a_step_that_is_not_critical(engine: Engine) -> None:
    """It is recorded, and the workflow goes on."""
    engine.define(swipe(critical=False), {"id": "end", "action": "wait", "delay": "1s"})
    engine.actions.faults.add(Fault(kind="reset", count=None))
    instance = engine.start()
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"
    assert engine.history(instance)[-2:] == [("swipe", "failed"), ("end", "completed")]


def test_a_422_is_not_retried(engine: Engine) -> None:
    """The service refused for good."""
    engine.define(swipe())
    engine.actions.faults.add(Fault(kind="refuse", status=422))
    instance = engine.start()
    engine.drive(engine.ended(instance))
    assert (engine.status(instance), len(keys(engine))) == ("failed", 1)


def test_throttling_is_no_attempt(engine: Engine) -> None:
    """429 puts the task off, as long as the service asks for, and counts nothing."""
    engine.define(swipe())
    engine.actions.faults.add(Fault(kind="throttle", count=5, retry_after=3))
    instance = engine.start()
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"
    assert engine.history(instance) == [("swipe", "completed")]
    assert engine.tasks(instance)[0]["attempts"] == 1
    assert engine.telemetry.counts["VendorThrottled"] == 5


def test_a_suspended_account_halts_the_workflow(engine: Engine) -> None:
    """Whatever `critical` says: nothing is sent, the account is marked, and retry works once the service calls it active."""
    engine.define(swipe("first", critical=False), swipe("second", critical=False, delay="1m"))
    instance = engine.start()
    engine.drive(lambda: ("first", "completed") in engine.history(instance))
    engine.actions.provider.set_status("acc", "suspended")
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "failed"
    assert engine.database.value("select last_error from workflow_instances").startswith("account_suspended")
    assert engine.database.value("select status from accounts") == "suspended"
    assert engine.effects() == ["startSwipeTask"]
    engine.actions.provider.set_status("acc", "active")
    retry(engine, instance)
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"
    assert engine.database.value("select status from accounts") == "active"


def test_an_account_is_registered_once_per_version(engine: Engine) -> None:
    """Once before the first effect, and again only when its credentials, config or ids have changed."""
    engine.define(swipe("one"), swipe("two"), {"id": "rest", "action": "wait", "delay": "1m"}, swipe("three"))
    instance = engine.start()
    engine.drive(lambda: ("two", "completed") in engine.history(instance))
    assert len(engine.writes("registerAccount")) == 1
    engine.account()
    engine.drive(engine.ended(instance))
    registrations = engine.writes("registerAccount")
    assert len(registrations) == len({write["key"] for write in registrations}) == 2


def test_a_lock_held_by_another_defers_without_an_attempt(engine: Engine) -> None:
    """The task is put off as often as it takes; the lock's end lets it run."""
    engine.define(swipe())
    instance = engine.start()
    engine.database.rows(
        "insert into workflow_locks (lock_key, locked_by, expires_at, instance_id, sequence, fence)"
        " values ('account:acc', 'another', clock_timestamp() + interval '5 minutes', gen_random_uuid()::text, 1, 1)"
    )
    for _ in range(4):
        engine.deliver(*engine.queue.take())
        engine.jump()
    assert (engine.writes(), engine.history(instance)) == ([], [])
    (task,) = engine.tasks(instance)
    assert (task["attempts"], task["reaps"], task["first_begun_at"]) == (0, 0, None)
    assert engine.telemetry.counts["LockContended"] == 4
    engine.database.rows("delete from workflow_locks")
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"


def test_the_lock_is_given_back(engine: Engine) -> None:
    """When the ends of call and commit are known nobody has to wait for its expiry."""
    engine.define(swipe())
    engine.start()
    engine.deliver(*engine.queue.take())
    assert engine.database.rows("select * from workflow_locks") == []


def test_the_lock_of_an_unknown_call_is_left_to_lapse(engine: Engine) -> None:
    """I4: the call may still be at work, so another workflow's write must wait; our own next attempt need not."""
    engine.define(swipe())
    engine.actions.faults.add(Fault(kind="reset"))
    instance = engine.start()
    engine.deliver(*engine.queue.take())
    assert len(engine.database.rows("select * from workflow_locks")) == 1
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"


def test_nothing_begins_under_the_global_pause(engine: Engine) -> None:
    """I7: a message that arrives during the pause begins nothing, and resuming needs no lease to run out."""
    engine.define(swipe())
    instance = engine.start()
    engine.control.pause_all(TESTER)
    engine.deliver(*engine.queue.take())
    assert (engine.writes(), engine.tasks(instance)[0]["status"]) == ([], "pending")
    assert engine.tick().claimed == 0
    engine.control.resume_all(TESTER)
    assert engine.tick().claimed == 1
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"


def test_a_chain_stops_at_a_pause(engine: Engine) -> None:
    """I7: the text was begun before the pause; the write that would follow it at once is not."""
    engine.define({"id": "bio", "action": "add_bio"})
    instance = engine.start()

    class PausingWriter:
        def __init__(self, writer: Any) -> None:
            self._writer = writer

        def write(self, brief: Any) -> Any:
            engine.control.pause_workflow(instance, TESTER)
            return self._writer.write(brief)

    engine.deliver(*engine.queue.take(), runner=engine.step(wrap=lambda name, port: PausingWriter(port) if name == "writer" else port))
    assert [(task["phase"], task["status"]) for task in engine.tasks(instance)] == [("text", "completed"), ("submit", "held")]
    assert engine.writes("updateBio") == []
    assert engine.database.rows("select * from workflow_locks") == []
    engine.send(engine.control.resume_workflow(instance, "freeze", TESTER).send)
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"


def test_a_stopped_job_is_cancelled(engine: Engine) -> None:
    """Stop while a job runs: it is cancelled at the service, and nothing further starts."""
    engine.define(swipe(swipeCount=300), swipe("second"))
    instance = engine.start()
    engine.deliver(*engine.queue.take())
    engine.send(engine.control.stop_workflow(instance, TESTER).send)
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "stopped"
    assert [job["status"] for job in engine.actions.provider.ledger()["jobs"]] == ["cancelled"]


def test_a_submit_of_unknown_outcome_is_cancelled_by_its_key(engine: Engine) -> None:
    """Stop after the answer was lost: the job is looked up by its key, found and cancelled."""
    engine.define(swipe(swipeCount=300))
    engine.actions.faults.add(Fault(kind="drop"))
    instance = engine.start()
    engine.deliver(*engine.queue.take())
    engine.send(engine.control.stop_workflow(instance, TESTER).send)
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "stopped"
    assert [job["status"] for job in engine.actions.provider.ledger()["jobs"]] == ["cancelled"]
    assert len(keys(engine)) == 1


def test_a_submit_that_never_arrived_needs_no_cancel(engine: Engine) -> None:
    """Its key is looked up, again after the call timeout, and then the workflow is stopped."""
    engine.define(swipe())
    engine.actions.faults.add(Fault(kind="reset"))
    instance = engine.start()
    engine.deliver(*engine.queue.take())
    engine.send(engine.control.stop_workflow(instance, TESTER).send)
    engine.deliver(*engine.queue.take())
    assert engine.status(instance) == "stopping"
    engine.clock.sleep(2.1)
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "stopped"
    assert engine.effects() == []


def test_a_step_that_takes_too_long_is_cancelled(engine: Engine) -> None:
    """A poll after the deadline ends in a cancel, then in step_timeout."""
    engine.define(swipe(swipeCount=300, timeout="10s"))
    instance = engine.start()
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "failed"
    assert engine.database.value("select last_error from workflow_instances").startswith("step_timeout")
    assert [job["status"] for job in engine.actions.provider.ledger()["jobs"]] == ["cancelled"]


def test_credentials_are_nowhere_but_in_their_ciphertext(engine: Engine) -> None:
    """I10: no row, message, log line or metric has them, not even when the registration is refused or breaks."""
    engine.define({"id": "bio", "action": "add_bio"}, swipe())
    for kind in ("refuse", "unavailable", "reset"):
        engine.actions.faults.add(Fault(kind=kind, operation="registerAccount"))
    failed = engine.start()
    engine.drive(engine.ended(failed))
    retry(engine, failed)
    engine.drive(engine.ended(failed))
    assert engine.status(failed) == "completed"
    tables = [
        row["relname"]
        for row in engine.database.rows(
            "select relname from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace"
        )
    ]
    rows = [str(engine.database.rows(f"select t::text from {table} t")) for table in tables]
    told = [repr(engine.telemetry), *engine.queue.bodies, *rows]
    assert SECRET in repr(engine.vault.decrypt(**ciphertext(engine)))
    assert all(SECRET not in text for text in told)


def ciphertext(engine: Engine) -> dict[str, Any]:
    """What the vault needs to decrypt the account's credentials."""
    row = engine.database.one("select credentials_ciphertext, ciphertext_version from accounts")
    return {"account_id": "acc", "version": row["ciphertext_version"], "ciphertext": bytes(row["credentials_ciphertext"])}


def test_credentials_of_another_account_do_not_open(engine: Engine) -> None:
    """They are bound to account and version: the step fails, and nothing is registered."""
    engine.define(swipe())
    instance = engine.start()
    engine.database.rows("update accounts set ciphertext_version = ciphertext_version + 1")
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "failed"
    assert engine.writes() == []


def test_an_unreadable_message_is_failed_alone(engine: Engine) -> None:
    """It reaches the dead-letter queue; its neighbours are run."""
    engine.define(swipe())
    instance = engine.start()
    (body,) = engine.queue.take()
    assert engine.deliver("{}", body, '{"v":1,"tasks":[["no-sequence",1,"acc","wake","2026-01-01T00:00:00+00:00"]]}') == ["0", "2"]
    assert len(keys(engine)) == 1
    assert engine.status(instance) == "active"


def test_a_dead_database_fails_the_whole_batch(engine: Engine) -> None:
    """Nothing was begun: the messages come again."""
    engine.define(swipe())
    engine.start()
    (body,) = engine.queue.take()
    runner = engine.step(url=lambda: "postgresql://nobody@127.0.0.1:1/none")
    assert engine.deliver(body, runner=runner) == ["0"]
    assert engine.writes() == []


def test_tasks_of_many_accounts_share_an_invocation(engine: Engine) -> None:
    """Thirty accounts, three threads: each effect once, and no account waits for another's lock."""
    engine.define(swipe())
    instances = [engine.start(account=f"acc-{number:02}") for number in range(30)]
    engine.drive(lambda: all(engine.status(instance) == "completed" for instance in instances))
    assert len(engine.actions.provider.ledger()["jobs"]) == 30
    assert "LockContended" not in engine.telemetry.counts
    assert engine.telemetry.counts["WorkflowsCompleted"] == 30


def test_an_endless_loop_goes_round(engine: Engine) -> None:
    """Three rounds of a loop for ever: its effects each have their own key, and a stop ends it."""
    engine.define(swipe(delay="1h"), {"id": "again", "action": "goto", "nextStep": "swipe", "infiniteAllowed": True})
    instance = engine.start()
    engine.drive(lambda: len(engine.effects()) == 3)
    assert len(set(keys(engine))) == 3
    engine.send(engine.control.stop_workflow(instance, TESTER).send)
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "stopped"


def test_messages_survive_a_real_queue(engine: Engine, aws: Any) -> None:
    """What is sent to SQS comes back as it was, in the second that it is due in."""
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
