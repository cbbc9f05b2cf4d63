"""start_workflows starts many workflows at once, with one live instance per account."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from flamebot.domain.decision import Decision, InstanceWrite
from tests.support.builders import (
    NOON,
    a_definition,
    a_next,
    a_start,
    after,
    an_account,
    an_entry,
    an_instance,
    begin,
    instance,
    live_tasks,
    pause_all,
    start_rows,
    task,
)
from tests.support.databases import TestDatabase


def test_start_stores_instance_and_first_task(database: TestDatabase) -> None:
    """The definition version is pinned.

    The instance keeps the account as it is now, without credentials.
    """
    account, definition = an_account(database, config={"pace": 2}), a_definition(database)
    row = a_start(account, definition, a_next(at=after(hours=1)), total_steps=7)
    (answer,) = start_rows(database, [row])
    assert (answer["account_id"], answer["status"], answer["instance_id"], answer["send"]) == (
        account,
        "started",
        row.instance_id,
        None,
    )
    stored = instance(database, row.instance_id)
    assert (
        stored["workflow_id"],
        stored["total_steps"],
        stored["status"],
        stored["started_at"],
    ) == (definition, 7, "active", NOON)
    assert stored["account_data"] == {
        "account_id": account,
        "model_id": "model-1",
        "channel_id": "channel-1",
        "config": {"pace": 2},
    }
    assert stored["next_action_at"] == after(hours=1)
    first = task(database, f"{row.instance_id}:1")
    assert (first["status"], first["scheduled_for"], first["step_id"], first["account_id"]) == (
        "pending",
        after(hours=1),
        "rest",
        account,
    )


def test_an_instance_has_started_when_it_was_planned(database: TestDatabase) -> None:
    """Delays count from the planned start, so that no wait ends early.

    A start that is spread into the future counts from its storage.
    """
    for planned, started in (
        (after(seconds=-2), after(seconds=-2)),
        (after(hours=1), NOON),
        (None, NOON),
    ):
        row = a_start(an_account(database), a_definition(database), planned_at=planned)
        start_rows(database, [row])
        assert instance(database, row.instance_id)["started_at"] == started


def test_first_task_due_within_the_horizon_is_queued_and_returned(database: TestDatabase) -> None:
    """A first task that is due soon is queued and returned for sending."""
    row = a_start(an_account(database), a_definition(database), a_next(at=after(seconds=30)))
    (answer,) = start_rows(database, [row])
    assert (answer["send"]["task_id"], datetime.fromisoformat(answer["send"]["due"])) == (
        f"{row.instance_id}:1",
        after(seconds=30),
    )
    assert (
        len(
            begin(
                database,
                f"{row.instance_id}:1",
                now=after(seconds=30),
                fences=[answer["send"]["fence"]],
            )
        )
        == 1
    )


def test_global_pause_starts_but_sends_nothing(database: TestDatabase) -> None:
    """An instance may be started while the engine is paused; its first task waits."""
    pause_all(database)
    started = an_instance(database)
    assert live_tasks(database, started.instance_id) == ["pending"]


def test_account_with_a_live_workflow_keeps_it(database: TestDatabase) -> None:
    """A second start reports the live one and changes nothing (I1)."""
    started = an_instance(database)
    (answer,) = start_rows(database, [a_start(started.account_id, a_definition(database))])
    assert (answer["status"], answer["instance_id"], answer["send"]) == (
        "already_active",
        started.instance_id,
        None,
    )
    assert database.value("select count(*) from workflow_instances") == 1
    assert database.value("select count(*) from scheduled_tasks") == 1


def test_same_instance_again_is_started_again(database: TestDatabase) -> None:
    """A start that is repeated after a lost reply has the same result."""
    row = a_start(an_account(database), a_definition(database))
    assert start_rows(database, [row]) == start_rows(database, [row])
    assert database.value("select count(*) from scheduled_tasks") == 1


def test_every_row_has_its_own_result(database: TestDatabase) -> None:
    """Missing, incomplete and duplicate accounts do not affect other rows."""
    definition = a_definition(database)
    good, bare = an_account(database), an_account(database, model_id=None)
    rows = [a_start(account, definition) for account in (good, bare, "no-such-account", good)]
    answers = {(answer["account_id"], answer["status"]) for answer in start_rows(database, rows)}
    assert answers == {
        (good, "started"),
        (bare, "incomplete"),
        ("no-such-account", "missing"),
        (good, "already_active"),
    }
    assert database.value("select count(*) from workflow_instances") == 1


def test_finished_workflow_frees_its_account(database: TestDatabase) -> None:
    """An account whose workflow is over can have another."""
    started = an_instance(database)
    database.rows(
        "update scheduled_tasks"
        " set status = 'cancelled', finished_at = now(), lease_expires_at = null"
    )
    database.rows("update workflow_instances set status = 'stopped', finished_at = now()")
    (answer,) = start_rows(database, [a_start(started.account_id, a_definition(database))])
    assert answer["status"] == "started"


def test_steps_passed_at_the_start_stand_in_the_history(database: TestDatabase) -> None:
    """Steps that are passed at the start are in the history, and may complete the workflow."""
    definition = a_definition(database)
    write = InstanceWrite(current_step=1, iterations={"loop": 1}, context={"loop": {}})
    moving = a_start(
        an_account(database),
        definition,
        decision=Decision(
            task=None, instance=write, history=(an_entry(), an_entry()), next=a_next()
        ),
    )
    over = a_start(
        an_account(database),
        definition,
        decision=Decision(
            task=None,
            instance=InstanceWrite(current_step=3, status="completed"),
            history=(an_entry(),),
        ),
    )
    assert [answer["status"] for answer in start_rows(database, [moving, over])] == [
        "started",
        "started",
    ]
    stored = instance(database, moving.instance_id)
    assert (stored["history_count"], stored["current_step"], stored["goto_iterations"]) == (
        2,
        1,
        {"loop": 1},
    )
    assert instance(database, over.instance_id)["finished_at"] == NOON
    assert live_tasks(database, over.instance_id) == []
    assert database.value("select count(*) from step_history") == 3


def test_every_start_leaves_an_audit_row(database: TestDatabase) -> None:
    """Each start has an audit row with caller and reason; a refused row has none."""
    started = an_instance(database)
    start_rows(
        database,
        [
            a_start(started.account_id, a_definition(database)),
            a_start("no-such-account", a_definition(database)),
        ],
    )
    (row,) = database.rows("select actor, action, subject, reason from audit_log")
    assert row == {
        "actor": "tester",
        "action": "start_workflow",
        "subject": f"workflow/{started.instance_id}",
        "reason": "a test",
    }


def test_a_thousand_start_in_one_call(database: TestDatabase) -> None:
    """A thousand workflows start in one call, without a loop over accounts."""
    database.rows(
        "insert into accounts (flamebot_id, model_id, channel_id, credentials_version)"
        " select 'bulk-' || n, 'm', 'c', 1 from generate_series(1, 1000) n"
    )
    definition = a_definition(database)
    answers = start_rows(
        database,
        [a_start(f"bulk-{n}", definition, instance_id=str(uuid4())) for n in range(1, 1001)],
    )
    assert {answer["status"] for answer in answers} == {"started"}
    assert sum(answer["send"] is not None for answer in answers) == 1000
