"""Guards of the tables: constraints and indexes that hold whatever a function does."""

from __future__ import annotations

from verification.mutants.mutant import Place

TABLES = Place("sql/migrations/0001_expand_tables.sql", "tests/integration/test_constraints.py")

MUTANTS = (
    TABLES(
        "two_live_instances",
        "I1: at most one live instance per account, whatever a function does.",
        "create unique index one_live_instance on workflow_instances (account_id) where is_live;",
        "create index one_live_instance on workflow_instances (account_id) where is_live;",
        "test_second_live_instance_of_an_account_is_impossible",
        "tests/integration/test_races.py::test_start_twice_at_once",
        guard="one-live-instance",
    ),
    TABLES(
        "stopping_is_not_live",
        "I1: a stopping instance is live: its job may be open.",
        "status in ('active', 'paused', 'stopping')) stored",
        "status in ('active', 'paused')) stored",
        "test_second_live_instance_of_an_account_is_impossible",
        guard="stopping-is-live",
    ),
    TABLES(
        "two_live_tasks",
        "I2: at most one live task per instance, whatever a function does.",
        "create unique index one_live_task on",
        "create index one_live_task on",
        "test_second_live_task_of_an_instance_is_impossible",
        guard="one-live-task",
    ),
    TABLES(
        "same_task_twice",
        "I3: the id of a task is unique.",
        "primary key",
        "not null",
        "test_same_task_twice_is_impossible",
        guard="task-id-is-unique",
    ),
    TABLES(
        "task_id_of_another_task",
        "I3: the id of a task is its instance and its sequence.",
        "constraint task_id_is_instance_and_sequence"
        " check (task_id = workflow_instance_id || ':' || sequence),",
        "",
        "test_same_task_twice_is_impossible",
        guard="task-id-is-instance-and-sequence",
    ),
    TABLES(
        "lease_of_what_is_not_in_flight",
        "I6: a task has a lease exactly while it is in flight.",
        "constraint leased_iff_in_flight check ((lease_expires_at is not null)"
        " = (status in ('queued', 'running'))),",
        "",
        "test_contradictory_task_is_impossible",
        guard="in-flight-has-a-lease",
    ),
    TABLES(
        "finished_task_without_an_end",
        "I12: a finished task has the time of its end.",
        "constraint finished_at_iff_finished check ((finished_at is not null)"
        " = (status in ('completed', 'failed', 'cancelled'))),",
        "",
        "test_contradictory_task_is_impossible",
        guard="finished-task-has-an-end",
    ),
    TABLES(
        "held_without_since_when",
        "A held task has the time of its hold: the remaining wait counts from it.",
        "constraint held_at_iff_held check ((held_at is not null) = (status = 'held')),",
        "",
        "test_contradictory_task_is_impossible",
        guard="held-task-has-a-start",
    ),
    TABLES(
        "held_cancel",
        "A cancel is never held, whatever a function does.",
        "check (phase <> 'cancel' or status <> 'held')",
        "check (true)",
        "test_contradictory_task_is_impossible",
        guard="cancel-is-never-held",
    ),
    TABLES(
        "finished_instance_without_an_end",
        "A finished instance has the time of its end.",
        "constraint finished_at_iff_finished check ((finished_at is not null)"
        " = (status in ('completed', 'failed', 'stopped'))),",
        "",
        "test_contradictory_instance_is_impossible",
        guard="finished-instance-has-an-end",
    ),
    TABLES(
        "paused_without_since_when",
        "A paused instance has the time of its pause.",
        "check (status <> 'paused' or paused_at is not null)",
        "check (true)",
        "test_contradictory_instance_is_impossible",
        guard="paused-instance-has-a-start",
    ),
    TABLES(
        "lease_in_an_index",
        "No index holds what begin changes: the next version of the row stays in its page.",
        "on scheduled_tasks (scheduled_for) where is_in_flight",
        "on scheduled_tasks (lease_expires_at) where is_in_flight",
        "tests/integration/test_begin_tasks.py::test_begin_writes_no_index",
        guard="lease-in-no-index",
    ),
)
