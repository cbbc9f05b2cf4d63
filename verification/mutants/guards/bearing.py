"""Guards of how a task is born or put back: by commit, and by the function that decides in which status."""

from __future__ import annotations

from verification.mutants.mutant import Place

BOOKS = "tests/integration/test_commit_books.py"
COMMIT = Place("sql/functions/commit_tasks.sql", "tests/integration/test_commit_tasks.py")
INITIAL_STATUS = Place(
    "sql/functions/initial_task_status.sql", "tests/integration/test_initial_task_status.py"
)
_NOT_SENT = "not coalesce((j.task ->> 'outcome_unknown')::boolean, false)"
_FIRST_BEGUN = (
    f"case when j.again and t.phase = 'submit' and {_NOT_SENT} then null else t.first_begun_at end"
)

MUTANTS = (
    COMMIT(
        "commit_again_by_any_fence",
        "I4: only the fence that was committed under is answered again.",
        "on t.task_id = asked.id and t.committed_fence = asked.held",
        "on t.task_id = asked.id",
        f"{BOOKS}::test_commit_again_is_for_the_fence_that_committed",
    ),
    COMMIT(
        "commit_answers_an_item_twice",
        "An item that comes twice is answered once.",
        "(select distinct a.id, a.held from",
        "(select a.id, a.held from",
        f"{BOOKS}::test_same_item_twice_is_answered_once",
    ),
    COMMIT(
        "stop_runs_its_cancel_without_the_lock",
        "I4: the stop's cancel comes by message, so that its delivery takes the account's lock.",
        "w.was <> 'stopping' and coalesce((w.next ->> 'run')::boolean, false)",
        "coalesce((w.next ->> 'run')::boolean, false)",
        f"{BOOKS}::test_a_stops_cancel_is_never_born_running",
    ),
    COMMIT(
        "put_back_under_the_global_pause",
        "I7: a task that is put back under the global pause is not queued.",
        "initial_task_status(w.was, w.phase, false, w.at, v_now, p_horizon, v_paused)",
        "initial_task_status(w.was, w.phase, false, w.at, v_now, p_horizon, false)",
        "test_global_pause_lets_nothing_follow_at_once",
    ),
    COMMIT(
        "born_under_the_global_pause",
        "I7: a task that is born under the global pause neither runs nor is queued.",
        "(w.next ->> 'at')::timestamptz, v_now, p_horizon, v_paused) end as birth",
        "(w.next ->> 'at')::timestamptz, v_now, p_horizon, false) end as birth",
        "test_global_pause_lets_nothing_follow_at_once",
    ),
    COMMIT(
        "put_back_though_paused",
        "I7: a task that is put back on a paused instance is held.",
        "then initial_task_status(w.was, w.phase, false,",
        "then initial_task_status('active', w.phase, false,",
        "test_paused_instance_holds_the_same_row",
    ),
    COMMIT(
        "born_though_paused",
        "I7: a task that is born on a paused instance is held.",
        "then initial_task_status(w.was, w.next ->> 'phase',",
        "then initial_task_status('active', w.next ->> 'phase',",
        "test_paused_instance_holds_what_follows",
    ),
    COMMIT(
        "put_back_under_the_old_fence",
        "I4: what is queued again has a new fence: the commit that put it back cannot run it, nor can its old message.",
        "fence = case when j.status = 'queued' then nextval('fence_seq') else t.fence end",
        "fence = t.fence",
        "test_same_row_again_within_the_horizon_is_queued_and_returned",
    ),
    COMMIT(
        "crashes_never_forgiven",
        "I8: only losses in a row count: a delivery that got as far as a commit proves that the task can be run.",
        "reclaims = case when j.again and t.claim_fence is not null then 0 else t.reclaims end",
        "reclaims = t.reclaims",
        "tests/integration/test_reclaim_expired.py::test_every_lost_begin_counts",
    ),
    COMMIT(
        "crashes_forgiven_by_the_tick",
        "I8: the commit of a reclaim does not forgive: else a task kills processes for ever.",
        "reclaims = case when j.again and t.claim_fence is not null then 0",
        "reclaims = case when j.again then 0",
        "tests/integration/test_reclaim_expired.py::test_every_lost_begin_counts",
    ),
    COMMIT(
        "sends_never_forgotten",
        "I8: sends count since the task was last queued.",
        "sends = case when j.again then (j.status = 'queued')::int else t.sends end",
        "sends = t.sends",
        f"{BOOKS}::test_what_is_put_back_has_its_sends_counted_anew",
    ),
    COMMIT(
        "the_key_ages_before_it_is_used",
        "I5: a submit that was surely not sent has a key that the service does not know yet.",
        _FIRST_BEGUN,
        "t.first_begun_at",
        f"{BOOKS}::test_a_submit_that_was_not_sent_has_a_young_key",
    ),
    COMMIT(
        "the_key_of_a_sent_submit_grows_young",
        "I5: after an unknown outcome the service may know the key from the first begin on.",
        _FIRST_BEGUN,
        "case when j.again and t.phase = 'submit' then null else t.first_begun_at end",
        f"{BOOKS}::test_a_submit_that_was_sent_keeps_the_age_of_its_key",
    ),
    COMMIT(
        "a_cancel_forgets_its_first_look",
        "I1: a cancel's first begin is kept: it says when to look its key up again.",
        _FIRST_BEGUN,
        _FIRST_BEGUN.replace("t.phase = 'submit' and ", ""),
        f"{BOOKS}::test_a_cancel_keeps_its_first_begin",
    ),
    COMMIT(
        "commit_leased_from_before_the_wait",
        "A lease begins after the waiting.",
        "    perform pg_advisory_xact_lock_shared(7);",
        "    v_wall := clock_timestamp(); perform pg_advisory_xact_lock_shared(7);",
        f"{BOOKS}::test_a_lease_begins_after_the_waiting",
        also=(("    v_wall := clock_timestamp();                            --", "    --"),),
    ),
    COMMIT(
        "put_back_leased_from_now",
        "The lease of what is queued again begins when it is due.",
        "case when j.status = 'queued' then v_wall + greatest(j.at - v_now, interval '0') / p_rate + p_lease end",
        "case when j.status = 'queued' then v_wall + p_lease end",
        f"{BOOKS}::test_what_is_put_back_is_leased_until_after_it_is_due",
    ),
    COMMIT(
        "born_leased_from_now",
        "The lease of what is born queued begins when it is due.",
        "when 'queued' then v_wall + greatest(f.due - v_now, interval '0') / p_rate + p_lease when",
        "when 'queued' then v_wall + p_lease when",
        "test_next_task_due_within_the_horizon_is_queued_and_returned",
    ),
    COMMIT(
        "chained_without_a_delivery_id",
        "The chain's delivery is remembered: a repeated commit is told to go on.",
        "case when f.birth = 'running' then f.begun_by end,",
        "null,",
        "test_next_task_runs_at_once_when_asked_for",
    ),
    COMMIT(
        "chained_without_a_claim",
        "I8: a chained task that is lost counts as a crash.",
        "case when f.birth = 'running' then f.follower_fence end,",
        "null,",
        f"{BOOKS}::test_a_chained_task_that_is_lost_counts_as_a_crash",
    ),
    COMMIT(
        "chained_without_an_age",
        "I5: a chained submit's key ages from its birth.",
        "case when f.birth = 'running' then v_wall end, case",
        "null, case",
        "test_next_task_runs_at_once_when_asked_for",
    ),
    INITIAL_STATUS(
        "birth_though_paused",
        "I7: on a paused instance a task is born held.",
        "        when p_instance_status = 'paused' and p_phase <> 'cancel' then 'held'\n",
        "",
        "test_birth",
    ),
    INITIAL_STATUS(
        "birth_holds_cancels",
        "A cancel is never held.",
        "when p_instance_status = 'paused' and p_phase <> 'cancel'",
        "when p_instance_status = 'paused'",
        "test_birth",
    ),
    INITIAL_STATUS(
        "birth_under_the_global_pause",
        "I7: under the global pause a task is born pending.",
        "        when p_engine_paused and p_phase <> 'cancel' then 'pending'\n",
        "",
        "test_birth",
    ),
    INITIAL_STATUS(
        "birth_keeps_cancels_back",
        "A cancel heeds no pause.",
        "when p_engine_paused and p_phase <> 'cancel'",
        "when p_engine_paused",
        "test_birth",
    ),
    INITIAL_STATUS(
        "birth_runs_unasked",
        "I4: a task is born running only for a delivery that asked for it.",
        "when p_run and p_at <= p_now",
        "when p_at <= p_now",
        "test_birth",
    ),
    INITIAL_STATUS(
        "birth_runs_early",
        "I6: a task is born running only if it is due.",
        "when p_run and p_at <= p_now",
        "when p_run",
        "test_birth",
    ),
    INITIAL_STATUS(
        "birth_queues_everything",
        "I6: what is due beyond the horizon is born pending.",
        "when p_at < p_now + p_horizon then 'queued'",
        "when true then 'queued'",
        "test_birth",
    ),
)
