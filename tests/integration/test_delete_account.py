"""delete_account removes the content of an account and keeps the dates of what ran."""

from __future__ import annotations

import pytest

from flamebot.adapters.postgres.rows import decision_json, to_json
from flamebot.domain.decision import Decision, InstanceWrite
from flamebot.domain.errors import Busy, NotFound
from tests.support.builders import (
    HORIZON,
    LEASE,
    NOON,
    a_decision,
    a_definition,
    a_start,
    a_submit,
    an_account,
    an_entry,
    an_instance,
    begin,
    commit,
    instance,
    start_rows,
    task,
)
from tests.support.databases import TestDatabase, start
from tests.support.stores import ALICE, audit, control, failed, last_task

PLANTED = "planted-personal-text"


def ended(database: TestDatabase) -> str:
    """Return an account with a completed instance that is full of its content."""
    started = an_instance(database)
    database.rows(
        "update accounts set config = %s, credentials_ciphertext = '\\x01', ciphertext_version = 1",
        (f'{{"a": "{PLANTED}"}}',),
    )
    database.rows("update workflow_instances set account_data = %s", (f'{{"a": "{PLANTED}"}}',))
    database.rows(
        "update scheduled_tasks set payload = payload || %s", (f'{{"text": "{PLANTED}"}}',)
    )
    (begun,) = begin(database, started.task_id)
    decision = a_decision(
        status="completed",
        task={"result": {"text": PLANTED}, "error": PLANTED},
        instance={"context": {"bio": PLANTED}, "last_error": PLANTED},
        history=(an_entry(result={"text": PLANTED}, error=PLANTED),),
    )
    assert commit(database, (started.task_id, begun["fence"], decision))
    return started.account_id


def test_nothing_of_its_content_is_left_in_any_column(database: TestDatabase) -> None:
    """No column of accounts, instances, tasks and history holds the account's content.

    The rows that show that something ran stay.
    """
    account_id = ended(database)
    control(database).delete_account(account_id, ALICE)
    for table in ("accounts", "workflow_instances", "scheduled_tasks", "step_history", "audit_log"):
        assert (
            database.value(
                f"select count(*) from {table} t where t::text like %s", (f"%{PLANTED}%",)
            )
            == 0
        ), table
    assert database.value("select count(*) from accounts") == 0
    assert database.value("select count(*) from workflow_instances where status = 'completed'") == 1
    assert database.value("select count(*) from step_history") == 1


def test_a_live_workflow_keeps_the_account(database: TestDatabase) -> None:
    """An account with a live workflow is not erased."""
    started = an_instance(database)
    with pytest.raises(Busy):
        control(database).delete_account(started.account_id, ALICE)
    assert database.value("select count(*) from accounts") == 1
    assert audit(database, "delete_account") == []


def test_failed_workflows_end_with_it(database: TestDatabase) -> None:
    """Failed workflows end with the account, because a retry would have no account."""
    started = failed(database)
    control(database).delete_account(started.account_id, ALICE)
    row = instance(database, started.instance_id)
    assert (row["status"], row["last_error"], row["account_data"]) == ("stopped", None, {})
    assert task(database, started.task_id)["payload"] == {}


def test_others_are_left_alone(database: TestDatabase) -> None:
    """Accounts and instances whose ids begin alike stay unchanged."""
    mine, other = failed(database), failed(database)
    before = instance(database, other.instance_id), last_task(database, other.instance_id)
    control(database).delete_account(mine.account_id, ALICE)
    assert (instance(database, other.instance_id), last_task(database, other.instance_id)) == before


def test_an_unknown_account_is_not_found(database: TestDatabase) -> None:
    """Neither an unknown account nor an erased one is found."""
    account_id = an_account(database)
    control(database).delete_account(account_id, ALICE)
    with pytest.raises(NotFound):
        control(database).delete_account(account_id, ALICE)


def test_the_audit_log_tells_that_it_was_erased(database: TestDatabase) -> None:
    """The audit log has the caller and the reason, and nothing of the content."""
    account_id = an_account(database)
    control(database).delete_account(account_id, ALICE)
    (row,) = audit(database, "delete_account")
    assert (row["actor"], row["reason"], row["subject"], row["before"], row["after"]) == (
        "alice", "because", f"account/{account_id}", None, None,
    )  # fmt: skip


@pytest.mark.race
def test_a_start_that_came_first_makes_it_busy(database: TestDatabase) -> None:
    """Erasing waits for the start and then finds a live workflow."""
    account_id, definition_id = an_account(database), a_definition(database)
    starter, eraser = database.session(), database.session()
    starter.begin()
    start_rows(starter, [a_start(account_id, definition_id)])
    waiting = start(lambda: eraser.rows("select delete_account(%s, 'a', null)", (account_id,)))
    database.until_blocked(eraser)
    starter.commit()
    with pytest.raises(Exception, match="live workflow"):
        waiting.result()


@pytest.mark.race
def test_a_start_that_comes_later_finds_no_account(database: TestDatabase) -> None:
    """A start that waits for the erasure starts nothing."""
    account_id, definition_id = an_account(database), a_definition(database)
    eraser, starter = database.session(), database.session()
    eraser.begin()
    eraser.rows("select delete_account(%s, 'a', null)", (account_id,))
    waiting = start(lambda: start_rows(starter, [a_start(account_id, definition_id)]))
    database.until_blocked(starter)
    eraser.commit()
    assert waiting.result()[0]["status"] == "missing"
    assert database.value("select count(*) from workflow_instances") == 0


@pytest.mark.race
def test_a_retry_that_came_first_makes_it_busy(database: TestDatabase) -> None:
    """Erasing waits for the retry and then finds a live workflow (I1)."""
    started = failed(database)
    anew = to_json(
        decision_json(Decision(task=None, instance=InstanceWrite(current_step=2), next=a_submit()))
    )
    retrier, eraser = database.session(), database.session()
    retrier.begin()
    retrier.rows(
        "select retry_workflow(%s, 1, %s, %s, %s, %s, 1, 'a', null)",
        (started.instance_id, anew, NOON, HORIZON, LEASE),
    )
    waiting = start(
        lambda: eraser.rows("select delete_account(%s, 'a', null)", (started.account_id,))
    )
    database.until_blocked(eraser)
    retrier.commit()
    with pytest.raises(Exception, match="live workflow"):
        waiting.result()
    assert database.value("select count(*) from accounts") == 1


@pytest.mark.race
def test_a_retry_that_comes_later_finds_nothing_to_go_on_with(database: TestDatabase) -> None:
    """A retry that waits for the erasure is refused: the failed workflow has ended (I1)."""
    started = failed(database)
    anew = to_json(
        decision_json(Decision(task=None, instance=InstanceWrite(current_step=2), next=a_submit()))
    )
    eraser, retrier = database.session(), database.session()
    eraser.begin()
    eraser.rows("select delete_account(%s, 'a', null)", (started.account_id,))
    call = (
        "select retry_workflow(%s, 1, %s, %s, %s, %s, 1, 'a', null)",
        (started.instance_id, anew, NOON, HORIZON, LEASE),
    )
    waiting = start(lambda: retrier.rows(*call))
    database.until_blocked(retrier)
    eraser.commit()
    with pytest.raises(Exception, match="The workflow is stopped"):
        waiting.result()
    assert instance(database, started.instance_id)["status"] == "stopped"
