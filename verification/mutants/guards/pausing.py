"""Guards of pause and resume, of a workflow and of the whole engine."""

from __future__ import annotations

from verification.mutants.mutant import Place

RACES = "tests/integration/test_races.py"
ORDER = "tests/integration/test_lock_order.py"
PAUSE = Place("sql/functions/pause_workflow.sql", "tests/integration/test_pause_workflow.py")
RESUME = Place("sql/functions/resume_workflow.sql", "tests/integration/test_resume_workflow.py")
PAUSE_ALL = Place("sql/functions/pause_all.sql", "tests/integration/test_pause_all.py")
RESUME_ALL = Place("sql/functions/resume_all.sql", "tests/integration/test_resume_all.py")
_LIVE = "where t.workflow_instance_id = p_id and t.is_live for no key update"
_HELD = (
    "where t.workflow_instance_id = p_id and t.is_live and t.status in ('pending', 'queued')"
    " and t.phase <> 'cancel'"
)
_STATUS = (
    "select i.status into v_status from workflow_instances i where i.id = p_id for no key update;"
)
_AT_ONCE = """
    with i as (update workflow_instances i
                  set status = 'paused', paused_at = coalesce(p_now, clock_timestamp()),
                      revision = i.revision + 1
                where i.id = p_id and i.status = 'active' returning i.id),
         t as (update scheduled_tasks t
                  set status = 'held', held_at = coalesce(p_now, clock_timestamp()),
                      lease_expires_at = null, fence = nextval('fence_seq')
                 from i where t.workflow_instance_id = i.id and t.is_live
                          and t.status in ('pending', 'queued') and t.phase <> 'cancel')
    select 'active' into v_status from i;
    if found then
        return changed_workflow(p_id, false);
    end if;
    select i.status into v_status from workflow_instances i where i.id = p_id;"""

MUTANTS = (
    PAUSE(
        "pause_without_the_instances_lock",
        "The instance is locked before its task: else pause and commit could deadlock.",
        "where i.id = p_id for no key update;",
        "where i.id = p_id;",
        f"{ORDER}::test_an_instance_is_locked_before_its_task",
        guard="pause-locks-the-instance",
    ),
    PAUSE(
        "pause_without_the_tasks_lock",
        "I7: pause waits for a begin before it reads the time, and reports what runs.",
        f"    perform 1 from scheduled_tasks t {_LIVE};\n",
        "",
        f"{ORDER}::test_the_time_is_read_after_the_waiting",
        guard="pause-locks-the-task",
    ),
    PAUSE(
        "pause_in_one_statement",
        "I7: the locks come first, the work in a later statement with a newer snapshot.",
        f"    perform 1 from scheduled_tasks t {_LIVE};\n",
        "",
        f"{RACES}::test_commit_then_pause",
        also=((_STATUS, _AT_ONCE),),
        guard="pause-locks-the-task",
    ),
    PAUSE(
        "pause_holds_cancels",
        "A cancel is never held.",
        _HELD,
        _HELD.replace(" and t.phase <> 'cancel'", ""),
        "test_a_cancel_is_never_held",
        guard="pause-holds-what-waits",
    ),
    PAUSE(
        "pause_holds_what_runs",
        "A running task finishes: the pause does not hold it.",
        _HELD,
        _HELD.replace(" and t.status in ('pending', 'queued')", ""),
        "test_a_running_task_finishes_and_its_successor_is_held",
        guard="pause-holds-what-waits",
    ),
    PAUSE(
        "pause_leaves_what_waits",
        "I7: a queued task is held: its message begins nothing.",
        _HELD,
        _HELD.replace("('pending', 'queued')", "('pending')"),
        "test_a_message_on_its_way_is_void",
        guard="pause-holds-what-waits",
    ),
    PAUSE(
        "pause_under_the_old_fence",
        "I7: a held task has a new fence: the message in flight is void for good.",
        "lease_expires_at = null, sends = 0, fence = nextval('fence_seq')",
        "lease_expires_at = null, sends = 0",
        "test_a_message_on_its_way_is_void",
        guard="pause-takes-a-new-fence",
    ),
    PAUSE(
        "pause_of_what_is_not_active",
        "Only an active workflow can be paused.",
        "elsif v_status <> 'active' then",
        "elsif false then",
        "test_a_finished_workflow_cannot_be_paused",
        guard="pause-only-what-is-active",
    ),
    PAUSE(
        "pause_again_pauses_anew",
        "Pausing a paused workflow changes nothing, nor the remaining wait.",
        "elsif v_status = 'paused' then",
        "elsif false then",
        "test_pausing_again_changes_nothing",
        guard="pausing-again-changes-nothing",
    ),
    PAUSE(
        "pause_raises_no_revision",
        "Every writer raises the revision: a plan made before the pause is void.",
        "revision = i.revision + 1, updated_at = v_now,",
        "updated_at = v_now,",
        "test_a_plan_from_before_the_pause_is_refused",
        guard="pause-raises-the-revision",
    ),
    RESUME(
        "resume_beside_a_pause_all",
        "I7: a global pause waits for a resume, or the resume finds it.",
        "    perform pg_advisory_xact_lock_shared(7);\n",
        "",
        f"{ORDER}::test_a_global_pause_waits_for_functions_that_make_a_task_due",
        guard="resume-takes-the-shared-lock",
    ),
    RESUME(
        "resume_without_the_instances_lock",
        "I2: of pause and resume at once the second finds what the first wrote.",
        "where i.id = p_id for no key update;",
        "where i.id = p_id;",
        "test_pause_and_resume_at_once_take_turns",
        guard="resume-locks-the-instance",
    ),
    RESUME(
        "resume_without_the_tasks_lock",
        "A frozen wait goes on from the moment after the lock wait.",
        _LIVE,
        _LIVE.replace(" for no key update", ""),
        f"{ORDER}::test_the_time_is_read_after_the_waiting",
        guard="resume-locks-the-task",
    ),
    RESUME(
        "resume_of_what_is_not_paused",
        "Only a paused workflow can be resumed.",
        "elsif v_status <> 'paused' then",
        "elsif false then",
        "test_a_failed_workflow_cannot_be_resumed",
        guard="resume-only-what-is-paused",
    ),
    RESUME(
        "resume_under_the_global_pause",
        "I7: a task that is resumed under the global pause is pending.",
        "v_due, v_now, p_horizon, v_engine_paused)",
        "v_due, v_now, p_horizon, false)",
        "test_under_the_global_pause_nothing_is_queued",
        guard="resume-respects-the-global-pause",
    ),
    RESUME(
        "resume_puts_what_runs_back",
        "I5: a task that ran on through the pause stays as it is.",
        "    if v_task.status = 'held' then",
        "    if true then",
        "test_a_running_task_is_left_alone",
        guard="resume-only-what-is-held",
    ),
    RESUME(
        "resume_under_the_old_fence",
        "I7: a message from before the pause is void after it.",
        "scheduled_for = v_due, held_at = null, fence = nextval('fence_seq'),",
        "scheduled_for = v_due, held_at = null,",
        "tests/integration/test_pause_workflow.py::test_a_message_on_its_way_is_void",
        guard="resume-takes-a-new-fence",
    ),
    RESUME(
        "resume_shortens_the_wait",
        "A frozen wait goes on with what remained of it.",
        "v_now + greatest(v_task.scheduled_for - v_task.held_at, interval '0')",
        "v_task.scheduled_for",
        "test_freeze_keeps_the_remaining_wait",
        guard="freeze-keeps-the-remaining-wait",
    ),
    RESUME(
        "resume_counts_the_pause",
        "A step's timeout does not count the time that it was held.",
        "+ (extract(epoch from v_held) * 1000)::bigint)",
        "+ 0)",
        "test_the_steps_timeout_does_not_count_the_pause",
        guard="timeout-leaves-out-the-pause",
    ),
    RESUME(
        "resume_counts_both_pauses",
        "Time that was held and globally paused is left out of the deadline once.",
        "- coalesce(sum(upper(overlap.span) - lower(overlap.span)), interval '0')",
        "- 0 * coalesce(sum(upper(overlap.span) - lower(overlap.span)), interval '0')",
        "test_time_that_was_paused_in_both_ways_is_left_out_once",
        guard="global-pauses-count-once",
    ),
    RESUME(
        "resume_forgets_the_pause_that_is_on",
        "The present global pause overlaps, too.",
        "case when c.paused then tstzmultirange(",
        "case when false then tstzmultirange(",
        "test_time_that_was_paused_in_both_ways_is_left_out_once",
        guard="present-global-pause-overlaps",
    ),
    PAUSE_ALL(
        "pause_all_without_the_lock",
        "I7: the global pause waits for every running begin and commit.",
        "    perform pg_advisory_xact_lock(7);",
        "    perform 1;",
        "test_it_waits_for_a_begin_at_work",
        guard="pause-all-takes-the-exclusive-lock",
    ),
    PAUSE_ALL(
        "pause_all_with_the_shared_lock",
        "I7: the global pause takes the lock exclusively.",
        "perform pg_advisory_xact_lock(7);",
        "perform pg_advisory_xact_lock_shared(7);",
        "test_it_waits_for_a_begin_at_work",
        guard="pause-all-takes-the-exclusive-lock",
    ),
    PAUSE_ALL(
        "pause_all_again_pauses_anew",
        "Pausing a paused engine changes nothing, nor the time of the pause.",
        " where not c.paused;",
        ";",
        "test_pausing_again_changes_nothing",
        guard="pausing-all-again-changes-nothing",
    ),
    RESUME_ALL(
        "resume_all_without_the_lock",
        "I6: what a commit left pending for the pause is there when resuming returns.",
        "    perform pg_advisory_xact_lock(7);\n",
        "",
        "test_it_waits_for_a_commit_at_work",
        guard="resume-all-takes-the-exclusive-lock",
    ),
    RESUME_ALL(
        "resume_all_forgets_the_pause",
        "Deadlines leave out the pauses that are over.",
        "c.paused_ms + greatest(extract(epoch from v_now - c.paused_at) * 1000, 0)::bigint",
        "c.paused_ms",
        "test_pauses_add_up",
        guard="paused-time-adds-up",
    ),
    RESUME_ALL(
        "resume_all_forgets_when_it_was",
        "Global pauses are kept: the pause of a workflow may overlap one.",
        "pauses = c.pauses + tstzmultirange(",
        "pauses = tstzmultirange(",
        "tests/integration/test_resume_workflow.py::test_several_global_pauses_within_a_pause",
        guard="global-pauses-are-kept",
    ),
    RESUME_ALL(
        "resume_all_of_what_is_not_paused",
        "Resuming an engine that is not paused changes nothing.",
        "     where c.paused;",
        "     where true;",
        "test_resuming_what_is_not_paused_changes_nothing",
        guard="resuming-all-again-changes-nothing",
    ),
)
