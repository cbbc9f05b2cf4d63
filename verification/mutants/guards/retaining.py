"""Guards of what is deleted: accounts, tasks, requests, locks and history."""

from __future__ import annotations

from verification.mutants.mutant import Place

ORDER = "tests/integration/test_lock_order.py"
ERASE = Place("sql/functions/delete_account.sql", "tests/integration/test_delete_account.py")
TASKS = Place(
    "sql/functions/delete_finished_tasks.sql", "tests/integration/test_delete_finished_tasks.py"
)
REQUESTS = Place(
    "sql/functions/delete_old_requests.sql", "tests/integration/test_delete_old_requests.py"
)
LOCKS = Place(
    "sql/functions/delete_expired_locks.sql", "tests/integration/test_delete_expired_locks.py"
)
HISTORY = Place("sql/functions/maintain_history.sql", "tests/integration/test_maintain_history.py")
_FAILED = (
    "exists (select 1 from workflow_instances i where i.id = t.workflow_instance_id"
    " and i.status = 'failed')"
)
_SUCCESSOR = (
    "not exists (select 1 from scheduled_tasks n"
    " where n.task_id = t.workflow_instance_id || ':' || (t.sequence + 1))"
)

MUTANTS = (
    ERASE(
        "erase_without_the_accounts_lock",
        "I1: erasing waits for a start, and then finds a live workflow.",
        "where a.flamebot_id = p_account for update;",
        "where a.flamebot_id = p_account;",
        "test_a_start_that_came_first_makes_it_busy",
        guard="erasing-locks-the-account",
    ),
    ERASE(
        "erase_without_the_instances_lock",
        "I1: erasing waits for a retry, and then finds a live workflow.",
        "perform 1 from workflow_instances i where i.account_id = p_account order by i.id"
        " for no key update;",
        "",
        "test_a_retry_that_came_first_makes_it_busy",
        guard="erasing-locks-instances",
    ),
    ERASE(
        "erase_locks_instances_in_any_order",
        "Instances are locked by id.",
        "where i.account_id = p_account order by i.id for no key update;",
        "where i.account_id = p_account for no key update;",
        f"{ORDER}::test_erasing_locks_instances_by_id",
        guard="erasing-locks-instances",
    ),
    ERASE(
        "erase_locks_tasks_in_any_order",
        "Tasks are locked by id.",
        "where t.task_id = any (v_tasks) order by t.task_id for no key update;",
        "where t.task_id = any (v_tasks) for no key update;",
        f"{ORDER}::test_erasing_locks_tasks_by_id",
        guard="erasing-locks-tasks",
    ),
    ERASE(
        "erase_under_a_live_workflow",
        "I1: an account with a live workflow is kept.",
        "where i.account_id = p_account and i.is_live) then",
        "where i.account_id = p_account and false) then",
        "test_a_live_workflow_keeps_the_account",
        guard="live-workflow-keeps-the-account",
    ),
    ERASE(
        "erase_leaves_what_can_be_retried",
        "A failed workflow of an erased account cannot be retried, and ends stopped.",
        "status = case when i.status = 'failed' then 'stopped' else i.status end",
        "status = i.status",
        "test_failed_workflows_end_with_it",
        guard="erased-workflow-cannot-be-retried",
    ),
    TASKS(
        "cleanup_of_live_rows",
        "I12: only finished rows are deleted.",
        "where t.finished_at is not null and t.finished_at < p_before",
        "where t.created_at < p_before",
        "test_finished_rows_of_finished_age_go",
        guard="only-finished-and-old-tasks",
    ),
    TASKS(
        "cleanup_of_young_rows",
        "I12: only rows older than the limit are deleted.",
        "where t.finished_at is not null and t.finished_at < p_before",
        "where t.finished_at is not null",
        "test_finished_rows_of_finished_age_go",
        guard="only-finished-and-old-tasks",
    ),
    TASKS(
        "cleanup_of_what_retry_needs",
        "I12: the last task of a failed instance stays.",
        f"and not ({_FAILED}",
        f"and not (false and {_FAILED}",
        "test_the_last_task_of_a_failed_instance_stays",
        guard="retry-keeps-its-task",
    ),
    TASKS(
        "cleanup_keeps_all_of_a_failed_instance",
        "Only the last task of a failed instance stays.",
        f"and {_SUCCESSOR})",
        ")",
        "test_the_last_task_of_a_failed_instance_stays",
        guard="only-the-last-task-is-kept",
    ),
    TASKS(
        "cleanup_of_completed_instances_keeps_the_last",
        "A completed instance keeps no task.",
        f"and not ({_FAILED}",
        "and not (true",
        "test_a_completed_instance_keeps_none",
        guard="retry-keeps-its-task",
    ),
    TASKS(
        "cleanup_that_waits",
        "Cleanup never waits: a locked row is left to the next run.",
        "for update of t skip locked);",
        "for update of t);",
        "test_two_cleanups_share_the_work",
        guard="cleanup-skips-locked-tasks",
    ),
    TASKS(
        "cleanup_without_a_lock",
        "I3: a locked row is kept, and so are the later ones of its instance.",
        "           for update of t skip locked);",
        "           );",
        "test_a_locked_row_is_left_and_leaves_no_gap",
        guard="cleanup-skips-locked-tasks",
    ),
    TASKS(
        "cleanup_that_leaves_gaps",
        "I3: from the oldest kept row on, sequences have no gaps.",
        " and (kept.sequence is null or old.sequence < kept.sequence);",
        ";",
        "test_a_locked_row_is_left_and_leaves_no_gap",
        guard="kept-sequences-have-no-gaps",
    ),
    TASKS(
        "cleanup_without_end",
        "A batch holds its locks only briefly.",
        "         limit p_limit\n",
        "",
        "test_a_batch_is_no_larger_than_requested",
        guard="cleanup-batch-is-bounded",
    ),
    TASKS(
        "cleanup_in_any_order",
        "The oldest tasks are deleted first.",
        "order by t.finished_at                --",
        "order by t.finished_at desc           --",
        "test_a_batch_is_no_larger_than_requested",
        guard="oldest-tasks-first",
    ),
    REQUESTS(
        "cleanup_of_keys_in_use",
        "I9: a key is remembered for a day.",
        "where o.created_at < v_before order by",
        "where true order by",
        "test_requests_older_than_a_day_are_deleted",
        guard="keys-are-kept-for-a-day",
    ),
    LOCKS(
        "cleanup_of_locks_in_use",
        "I4: a lock that is held is kept.",
        "where e.expires_at < v_now limit 1000",
        "where true limit 1000",
        "test_only_expired_locks_go",
        guard="held-locks-stay",
    ),
    LOCKS(
        "cleanup_of_a_lock_that_is_being_renewed",
        "I4: a lock that is being renewed is kept.",
        " for update skip locked)",
        ")",
        "test_a_lock_that_is_being_renewed_is_left",
        guard="renewed-locks-stay",
    ),
    HISTORY(
        "history_dropped_too_soon",
        "I12: a day is dropped once every row of it is old enough.",
        "           and to_date(right(c.relname, 8), 'YYYYMMDD') + 1 <= v_now - p_keep\n",
        "           and to_date(right(c.relname, 8), 'YYYYMMDD') <= v_now - p_keep\n",
        "test_a_day_is_dropped_once_every_row_of_it_may_go",
        guard="day-is-dropped-whole",
    ),
    HISTORY(
        "history_deleted_too_soon",
        "I12: rows of the default partition are deleted by age.",
        "where o.finished_at < v_now - p_keep limit 10000",
        "where true limit 10000",
        "test_old_rows_go_from_the_default_partition_too",
        guard="default-partition-keeps-young-rows",
    ),
    HISTORY(
        "history_maintained_twice_at_once",
        "Two maintenance runs at once do not both change the partitions.",
        "if not pg_try_advisory_xact_lock(10, 0) then",
        "if false then",
        "test_two_passes_at_once_do_not_meet",
        guard="one-maintenance-at-a-time",
    ),
)
