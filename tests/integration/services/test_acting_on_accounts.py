"""The account check, the registration and the lock that precede an effect."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from devstack.actions_service.faults import Fault
from tests.integration.services.engine import SECRET, Engine, swipe


def test_a_suspended_account_halts_the_workflow(engine: Engine) -> None:
    """A suspended account fails its workflow, whether or not the step is critical.

    No write is sent, the account is marked, and a retry works once the account is active.
    """
    engine.define(swipe("first", critical=False), swipe("second", critical=False, delay="1m"))
    instance = engine.start()
    engine.drive(lambda: ("first", "completed") in engine.history(instance))
    engine.actions.provider.set_status("acc", "suspended")
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "failed"
    assert engine.database.value("select last_error from workflow_instances").startswith(
        "account_suspended"
    )
    assert engine.database.value("select status from accounts") == "suspended"
    assert engine.effects() == ["startSwipeTask"]
    engine.actions.provider.set_status("acc", "active")
    engine.retry(instance)
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"
    assert engine.database.value("select status from accounts") == "active"


def test_an_account_is_registered_once_per_version(engine: Engine) -> None:
    """An account is registered before its first effect, and again only when it has changed."""
    engine.define(
        swipe("one"), swipe("two"), {"id": "rest", "action": "wait", "delay": "1m"}, swipe("three")
    )
    instance = engine.start()
    engine.drive(lambda: ("two", "completed") in engine.history(instance))
    assert len(engine.writes("registerAccount")) == 1
    engine.account()
    engine.drive(engine.ended(instance))
    registrations = engine.writes("registerAccount")
    assert len(registrations) == len({write["key"] for write in registrations}) == 2


def test_a_lock_held_by_another_defers_without_an_attempt(engine: Engine) -> None:
    """The task is deferred until the lock expires, and then runs."""
    engine.define(swipe())
    instance = engine.start()
    engine.database.rows(
        "insert into workflow_locks (lock_key, locked_by, expires_at, instance_id, sequence, fence)"
        " values ('account:acc', 'another', clock_timestamp() "
        "+ interval '5 minutes', gen_random_uuid()::text, 1, 1)"
    )
    for _ in range(4):
        engine.deliver(*engine.queue.take())
        engine.jump()
    assert (engine.writes(), engine.history(instance)) == ([], [])
    (task,) = engine.tasks(instance)
    assert (task["attempts"], task["reclaims"], task["first_begun_at"]) == (0, 0, None)
    assert engine.telemetry.counts["LockContended"] == 4
    engine.database.rows("delete from workflow_locks")
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"


def test_a_lock_that_is_held_delays_a_step_and_does_not_fail_it(engine: Engine) -> None:
    """The deferrals extend the step's timeout: they are no time of the step."""
    engine.define(swipe(timeout="40s"))
    instance = engine.start()
    began = engine.clock.now()
    engine.database.rows(
        "insert into workflow_locks (lock_key, locked_by, expires_at, instance_id, sequence, fence)"
        " values ('account:acc', 'another', clock_timestamp() "
        "+ interval '5 minutes', gen_random_uuid()::text, 1, 1)"
    )
    engine.drive(lambda: engine.clock.now() - began > timedelta(minutes=2))
    assert (engine.status(instance), engine.writes()) == ("active", [])
    engine.database.rows("delete from workflow_locks")
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"
    assert engine.tasks(instance)[0]["attempts"] == 1


def test_the_lock_is_given_back(engine: Engine) -> None:
    """The lock is released once the ends of the call and the commit are both known."""
    engine.define(swipe())
    engine.start()
    engine.deliver(*engine.queue.take())
    assert engine.database.rows("select * from workflow_locks") == []


def test_the_lock_of_an_unknown_call_is_left_to_lapse(engine: Engine) -> None:
    """I4: the call may still be running, so a write of another workflow must wait.

    The next attempt of the same task need not wait.
    """
    engine.define(swipe())
    engine.actions.faults.add(Fault(kind="reset"))
    instance = engine.start()
    engine.deliver(*engine.queue.take())
    assert len(engine.database.rows("select * from workflow_locks")) == 1
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"


def test_the_lock_is_left_to_lapse_while_an_earlier_try_is_unknown(engine: Engine) -> None:
    """I4: a refused try proves nothing about an earlier one, so the lock is left to expire."""
    engine.define(swipe())
    engine.actions.faults.add(Fault(kind="reset"))
    instance = engine.start()
    engine.deliver(*engine.queue.take())
    engine.actions.faults.add(Fault(kind="refuse"))
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "failed"
    (lock,) = engine.database.rows(
        "select instance_id from workflow_locks where expires_at > clock_timestamp()"
    )
    assert lock["instance_id"] == instance


def test_credentials_are_nowhere_but_in_their_ciphertext(engine: Engine) -> None:
    """I10: no row, message, log line or metric holds credentials."""
    engine.define({"id": "bio", "action": "add_bio"}, swipe())
    for kind in ("refuse", "unavailable", "reset"):
        engine.actions.faults.add(Fault(kind=kind, operation="registerAccount"))
    failed = engine.start()
    engine.drive(engine.ended(failed))
    engine.retry(failed)
    engine.drive(engine.ended(failed))
    assert engine.status(failed) == "completed"
    tables = [
        row["relname"]
        for row in engine.database.rows(
            "select relname from pg_class where relkind in ('r', "
            "'p') and relnamespace = 'public'::regnamespace"
        )
    ]
    rows = [str(engine.database.rows(f"select t::text from {table} t")) for table in tables]
    texts = [repr(engine.telemetry), *engine.queue.bodies, *rows]
    assert SECRET in repr(engine.vault.decrypt(**ciphertext(engine)))
    assert all(SECRET not in text for text in texts)


def ciphertext(engine: Engine) -> dict[str, Any]:
    """What the vault needs to decrypt the account's credentials."""
    row = engine.database.one("select credentials_ciphertext, ciphertext_version from accounts")
    return {
        "account_id": "acc",
        "version": row["ciphertext_version"],
        "ciphertext": bytes(row["credentials_ciphertext"]),
    }


def test_credentials_of_another_account_do_not_open(engine: Engine) -> None:
    """Credentials decrypt only for their account and version; else the step fails."""
    engine.define(swipe())
    instance = engine.start()
    engine.database.rows("update accounts set ciphertext_version = ciphertext_version + 1")
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "failed"
    assert engine.writes() == []
