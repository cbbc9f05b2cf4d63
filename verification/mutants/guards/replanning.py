"""Guards of retry, skip-step and run-now: plans that people ask for, made beside whoever runs the workflow."""

from __future__ import annotations

from verification.mutants.mutant import Place

RACES = "tests/integration/test_races.py"
ORDER = "tests/integration/test_lock_order.py"
RETRY = Place("sql/functions/retry_workflow.sql", "tests/integration/test_retry_workflow.py")
SKIP = Place("sql/functions/skip_step.sql", "tests/integration/test_skip_step.py")
NOW = Place("sql/functions/run_workflow_now.sql", "tests/integration/test_run_workflow_now.py")
APPLY = Place("sql/functions/apply_decision.sql", "tests/integration/test_skip_step.py")
ALLOWED = Place("sql/functions/allowed_actions.sql", "tests/integration/test_allowed_actions.py")

_LIVE = "where t.workflow_instance_id = p_id and t.is_live for no key update"
_INSTANCE = "from workflow_instances i where i.id = p_id for no key update;"
_REOPEN = "or (v_task.outcome_unknown and v_task.phase <> 'cancel' and v_task.step_id ="
_WAITING = "p_phase in ('timer', 'generate', 'submit')"

MUTANTS = (
    RETRY(
        "retry_beside_a_pause_all",
        "I7: a global pause waits for a retry at work, or the retry sees it.",
        "    perform pg_advisory_xact_lock_shared(7);\n",
        "",
        f"{ORDER}::test_a_global_pause_waits_for_whoever_makes_a_task_due",
    ),
    RETRY(
        "retry_without_the_instances_lock",
        "I2: two retries at once make one task.",
        "i.* into v_instance from workflow_instances i where i.id = p_id for no key update;",
        "i.* into v_instance from workflow_instances i where i.id = p_id;",
        "test_two_retries_at_once_make_one_task",
    ),
    RETRY(
        "retry_of_what_has_not_failed",
        "Only a failed workflow can be retried.",
        "if v_instance.status <> 'failed' or v_task.task_id is null then",
        "if v_task.task_id is null then",
        "test_only_a_failed_workflow_can_be_retried",
    ),
    RETRY(
        "retry_by_an_old_plan",
        "A plan is made for a revision, and void after it.",
        "elsif v_instance.revision <> p_revision then",
        "elsif false then",
        "test_a_plan_of_yesterday_is_refused",
    ),
    RETRY(
        "retry_beside_a_live_workflow",
        "I1: an account with another live workflow is told so.",
        "    exception when unique_violation then ",
        "    exception when division_by_zero then ",
        "test_an_account_with_another_live_workflow_is_refused",
    ),
    RETRY(
        "retry_under_a_new_key",
        "I5: a task of unknown outcome is opened again, so that its key stays.",
        "    if v_reopen then",
        "    if false then",
        "test_an_unknown_outcome_reopens_the_same_task",
    ),
    RETRY(
        "retry_opens_what_is_settled",
        "I5: after a definite failure the next task is a new one, with a new key.",
        _REOPEN,
        _REOPEN.replace("v_task.outcome_unknown and ", ""),
        "test_a_definite_failure_gets_a_new_task",
    ),
    RETRY(
        "retry_opens_a_cancel",
        "A cancel is never opened again: what follows asks after its job.",
        _REOPEN,
        _REOPEN.replace("v_task.phase <> 'cancel' and ", ""),
        "test_an_unconfirmed_cancel_is_followed_by_what_was_decided",
    ),
    RETRY(
        "retry_opens_another_steps_task",
        "I5: a step that is over is not done again because a jump after it failed.",
        " and v_task.step_id = coalesce(p_decision -> 'next' ->> 'step_id', v_task.step_id));",
        ");",
        "test_an_unknown_outcome_of_a_step_that_is_over_stays_as_it_is",
    ),
    RETRY(
        "retry_under_the_global_pause",
        "I7: what is opened again under the global pause is pending.",
        "v_send := not v_engine_paused;",
        "v_send := true;",
        "test_under_the_global_pause_nothing_is_queued",
    ),
    RETRY(
        "retry_under_the_old_fence",
        "I4: what is opened again has a new fence: neither its old message nor its old runner counts.",
        "               fence = nextval('fence_seq'), lease_expires_at",
        "               lease_expires_at",
        "test_an_unknown_outcome_reopens_the_same_task",
    ),
    RETRY(
        "retry_remembers_the_crashes",
        "I8: whoever is retried may crash as often again.",
        "reclaims = 0, sends",
        "sends",
        "test_retry_forgives_crashes",
    ),
    SKIP(
        "skip_beside_a_pause_all",
        "I7: a global pause waits for a skip at work, or the skip sees it.",
        "    perform pg_advisory_xact_lock_shared(7);\n",
        "",
        f"{ORDER}::test_a_global_pause_waits_for_whoever_makes_a_task_due",
    ),
    SKIP(
        "skip_without_the_instances_lock",
        "I3: of two skips at once one is refused.",
        _INSTANCE,
        _INSTANCE.replace(" for no key update", ""),
        "test_two_skips_at_once_skip_one_step",
    ),
    SKIP(
        "skip_without_the_tasks_lock",
        "I5: skip waits for a begin at work, and finds the step busy.",
        _LIVE,
        _LIVE.replace(" for no key update", ""),
        "test_a_begin_that_came_first_makes_it_busy",
    ),
    SKIP(
        "skip_of_what_is_over",
        "A finished workflow has no step to skip.",
        "elsif v_instance.status not in ('active', 'paused') then",
        "elsif false then",
        "test_a_finished_workflow_has_no_step_to_skip",
    ),
    SKIP(
        "skip_by_an_old_plan",
        "A plan is made for a revision, and void after it.",
        "elsif v_instance.revision <> p_revision then",
        "elsif false then",
        "test_a_plan_of_yesterday_is_refused",
    ),
    SKIP(
        "skip_of_a_step_at_work",
        "I5: a step that runs, or may have left a job, is not skipped.",
        "if not 'skip-step' = any (allowed_actions(v_instance.status, v_task.status, v_task.phase, v_task.outcome_unknown)) then",
        "if false then",
        "test_a_step_at_work_is_busy",
    ),
    NOW(
        "run_now_beside_a_pause_all",
        "I7: a global pause waits for a run-now at work, or it sees the pause.",
        "    perform pg_advisory_xact_lock_shared(7);\n",
        "",
        f"{ORDER}::test_a_global_pause_waits_for_whoever_makes_a_task_due",
    ),
    NOW(
        "run_now_without_the_instances_lock",
        "I7: run-now waits for a pause at work, and is refused.",
        _INSTANCE,
        _INSTANCE.replace(" for no key update", ""),
        "test_a_pause_that_came_first_refuses_it",
    ),
    NOW(
        "run_now_without_the_tasks_lock",
        "I5: run-now waits for a begin at work, and finds the step busy.",
        _LIVE,
        _LIVE.replace(" for no key update", ""),
        "test_a_begin_that_came_first_makes_it_busy",
    ),
    NOW(
        "run_now_of_what_is_not_active",
        "I7: a paused workflow is resumed first.",
        "elsif v_instance.status <> 'active' then",
        "elsif false then",
        "test_only_an_active_workflow_runs_now",
    ),
    NOW(
        "run_now_by_an_old_plan",
        "A plan is made for a revision, and void after it.",
        "elsif v_instance.revision <> p_revision then",
        "elsif false then",
        "test_a_revision_of_yesterday_is_refused",
    ),
    NOW(
        "run_now_of_a_step_at_work",
        "I5: what runs is not queued again.",
        "if not 'run-now' = any (allowed_actions(v_instance.status, v_task.status, v_task.phase, v_task.outcome_unknown)) then",
        "if false then",
        "test_a_step_at_work_is_busy",
    ),
    NOW(
        "run_now_sends_again",
        "What is due and on its way is not sent again.",
        "if v_task.scheduled_for <= v_now and (v_task.status = 'queued' or v_engine_paused) then",
        "if false then",
        "test_due_already_and_sent_changes_nothing",
    ),
    NOW(
        "run_now_under_the_global_pause",
        "I7: under the global pause what is due now is pending.",
        "set status = case when v_engine_paused then 'pending' else 'queued' end,",
        "set status = 'queued',",
        "test_under_the_global_pause_it_is_due_but_not_queued",
        also=(
            (
                "lease_expires_at = case when not v_engine_paused then clock_timestamp() + p_lease end",
                "lease_expires_at = clock_timestamp() + p_lease",
            ),
        ),
    ),
    NOW(
        "run_now_under_the_old_fence",
        "I5: the message for the old time is void: the task runs once.",
        "scheduled_for = least(t.scheduled_for, v_now), fence = nextval('fence_seq'), sends",
        "scheduled_for = least(t.scheduled_for, v_now), sends",
        "test_the_message_for_the_old_time_is_void",
    ),
    APPLY(
        "decision_without_a_successor",
        "I2: a live instance has a next task, a finished one has none.",
        "if (v_next is null) <> (v_instance.status not in ('active', 'paused')) then",
        "if false then",
        "test_a_decision_that_breaks_i2_is_refused_whole",
    ),
    APPLY(
        "decision_under_the_global_pause",
        "I7: what a person's decision makes due under the global pause is pending.",
        "v_due, p_now, p_horizon, p_engine_paused);",
        "v_due, p_now, p_horizon, false);",
        "test_under_the_global_pause_nothing_is_queued",
    ),
    APPLY(
        "decision_for_a_paused_workflow",
        "I7: on a paused workflow the next task is born held.",
        "v_born := initial_task_status(v_instance.status, ",
        "v_born := initial_task_status('active', ",
        "test_a_paused_workflow_stays_paused",
    ),
    APPLY(
        "decision_numbers_history_anew",
        "History is numbered without gaps, whoever writes it.",
        "i.history_count + h.place",
        "h.place",
        "test_history_goes_on_from_what_was_told",
    ),
    APPLY(
        "decision_at_the_same_place",
        "I3: the next task has the next sequence.",
        "values (p_id || ':' || (p_sequence + 1), p_id, v_instance.account_id, p_sequence + 1,",
        "values (p_id || ':' || (p_sequence + 2), p_id, v_instance.account_id, p_sequence + 2,",
        "test_the_waiting_task_is_cancelled_and_the_next_one_born",
    ),
    ALLOWED(
        "skip_past_an_open_job",
        "I5: leaving a step whose job is open would forget it.",
        f"and {_WAITING} and not p_unknown then array['skip-step'] else '{{}}' end\n        when 'paused'",
        "and not p_unknown then array['skip-step'] else '{}' end\n        when 'paused'",
        "tests/integration/test_skip_step.py::test_a_step_at_work_is_busy",
    ),
    ALLOWED(
        "skip_past_what_may_exist",
        "I5: leaving a step whose submit is of unknown outcome would forget its job.",
        f"and {_WAITING} and not p_unknown then array['skip-step'] else '{{}}' end\n        when 'paused'",
        f"and {_WAITING} then array['skip-step'] else '{{}}' end\n        when 'paused'",
        "tests/integration/test_skip_step.py::test_a_step_at_work_is_busy",
    ),
    ALLOWED(
        "skip_past_what_may_exist_while_paused",
        "I5: nor on a paused workflow.",
        f"when p_task_status = 'held' and {_WAITING} and not p_unknown",
        f"when p_task_status = 'held' and {_WAITING}",
        "tests/integration/test_skip_step.py::test_a_held_step_at_work_is_busy",
    ),
    ALLOWED(
        "skip_past_an_open_job_while_paused",
        "I5: nor past a job that is open there.",
        f"when p_task_status = 'held' and {_WAITING} and not p_unknown",
        "when p_task_status = 'held' and not p_unknown",
        "tests/integration/test_skip_step.py::test_a_held_step_at_work_is_busy",
    ),
    ALLOWED(
        "run_now_of_a_poll",
        "A poll keeps its pace.",
        f"and {_WAITING} then array['run-now']",
        "then array['run-now']",
        "tests/integration/test_run_workflow_now.py::test_a_step_at_work_is_busy",
    ),
)
