"""The tables hold I1 to I3 by themselves: even a wrong SQL function could not break them."""

from __future__ import annotations

import psycopg2
import pytest

from tests.support.builders import NOON, a_definition, an_instance, task
from tests.support.databases import TestDatabase

INSTANCE = """
insert into workflow_instances (id, account_id, workflow_id, status, total_steps, paused_at,
    finished_at, started_at, updated_at)
values (gen_random_uuid(), %s, %s, %s, 3, now(), case when %s then now() end, now(), now())
"""
TASK = """
insert into scheduled_tasks (task_id, workflow_instance_id, account_id, sequence, step_id, action,
    phase, scheduled_for, status, created_at,
                             lease_expires_at, finished_at, held_at)
values (%(id)s || ':' || %(sequence)s, %(id)s::uuid, 'a', %(sequence)s, 's', 'wait', 'timer', now(),
    %(status)s, now(),
        case when %(status)s in ('queued', 'running') then now() end,
        case when %(status)s in ('completed', 'failed', 'cancelled') then now() end,
        case when %(status)s = 'held' then now() end)
"""


@pytest.mark.parametrize("status", ["active", "paused", "stopping"])
def test_second_live_instance_of_an_account_is_impossible(
    database: TestDatabase, status: str
) -> None:
    """I1: an account has at most one live instance, and any number of finished ones."""
    started = an_instance(database)
    definition = a_definition(database)
    with pytest.raises(psycopg2.errors.UniqueViolation, match="one_live_instance"):
        database.rows(INSTANCE, (started.account_id, definition, status, False))
    for over in ("completed", "failed", "stopped"):
        database.rows(INSTANCE, (started.account_id, definition, over, True))


@pytest.mark.parametrize("status", ["pending", "queued", "running", "held"])
def test_second_live_task_of_an_instance_is_impossible(database: TestDatabase, status: str) -> None:
    """I2: an instance has at most one live task, in any live status."""
    started = an_instance(database)
    with pytest.raises(psycopg2.errors.UniqueViolation, match="one_live_task"):
        database.rows(TASK, {"id": started.instance_id, "sequence": 2, "status": status})
    database.rows(TASK, {"id": started.instance_id, "sequence": 2, "status": "completed"})


def test_same_task_twice_is_impossible(database: TestDatabase) -> None:
    """I3: the id of a task is its instance and its sequence, and is unique."""
    started = an_instance(database)
    with pytest.raises(psycopg2.errors.UniqueViolation, match="scheduled_tasks_pkey"):
        database.rows(TASK, {"id": started.instance_id, "sequence": 1, "status": "completed"})
    with pytest.raises(psycopg2.errors.CheckViolation, match="task_id_is_instance_and_sequence"):
        database.rows("update scheduled_tasks set sequence = 9")


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("lease_expires_at = null", "leased_iff_in_flight"),
        ("status = 'pending'", "leased_iff_in_flight"),
        ("status = 'completed', lease_expires_at = null", "finished_at_iff_finished"),
        ("status = 'held', lease_expires_at = null", "held_at_iff_held"),
        (
            "status = 'held', lease_expires_at = null, held_at = now(), phase = 'cancel'",
            "cancel_is_never_held",
        ),
        ("attempts = -1", "attempts"),
        ("status = 'lost', lease_expires_at = null", "status_check"),
    ],
)
def test_contradictory_task_is_impossible(
    database: TestDatabase, change: str, constraint: str
) -> None:
    """Lease, end and hold are set exactly when the status says so."""
    started = an_instance(database)
    with pytest.raises(psycopg2.errors.CheckViolation, match=constraint):
        database.rows(f"update scheduled_tasks set {change}")
    assert task(database, started.task_id)["scheduled_for"] == NOON


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("status = 'completed'", "finished_at_iff_finished"),
        ("finished_at = now()", "finished_at_iff_finished"),
        ("status = 'paused'", "paused_at_if_paused"),
    ],
)
def test_contradictory_instance_is_impossible(
    database: TestDatabase, change: str, constraint: str
) -> None:
    """finished_at and paused_at are set exactly when the status says so."""
    an_instance(database)
    with pytest.raises(psycopg2.errors.CheckViolation, match=constraint):
        database.rows(f"update workflow_instances set {change}")
