"""Guards of the breakers, and of whose fault a call without a response is."""

from __future__ import annotations

from verification.mutants.mutant import Place

_BREAKERS = "tests/integration/test_breakers.py"
_ATTRIBUTION = "tests/unit/domain/test_attribution.py"
_CALLS = "tests/unit/services/test_service_calls.py"
RECORD = Place("sql/functions/record_calls.sql", "tests/integration/test_record_calls.py")
CHANGE = Place("sql/functions/change_breaker.sql", "tests/integration/test_record_calls.py")
SLOTS = Place(
    "sql/functions/claim_for_services.sql", "tests/integration/test_claim_for_services.py"
)
CLAIM = Place("sql/functions/claim_due_tasks.sql", "tests/integration/test_claim_for_services.py")
BEGIN = Place("sql/functions/begin_tasks.sql", _BREAKERS)
COMMIT = Place("sql/functions/commit_tasks.sql", _BREAKERS)
SEEN = Place("sql/functions/service_record.sql", "tests/integration/test_service_record.py")
HEALTH = Place("sql/functions/engine_health.sql", _BREAKERS)
OPEN = Place("sql/functions/open_service.sql", "tests/integration/test_open_service.py")
CLOSE = Place("sql/functions/close_service.sql", "tests/integration/test_close_service.py")
OLD = Place("sql/functions/delete_old_calls.sql", "tests/integration/test_delete_old_calls.py")
FAILURE = Place("layers/engine/src/flamebot/domain/failure.py", _ATTRIBUTION)
CONTEXT = Place("layers/engine/src/flamebot/domain/plan_context.py", _ATTRIBUTION)
CALL = Place("layers/engine/src/flamebot/services/stepping/phases/call_end.py", _CALLS)
SUBMIT = Place(
    "layers/engine/src/flamebot/services/stepping/phases/submit.py",
    "tests/unit/services/test_no_verdict.py",
)
TICK = Place(
    "layers/engine/src/flamebot/services/ticking/dispatch.py",
    "tests/unit/services/test_dispatch.py",
)
WRITER = Place(
    "layers/engine/src/flamebot/adapters/openai_writer/writer.py",
    "tests/contracts/test_openai_writer.py",
)

MUTANTS = (
    RECORD(
        "earlier_answers_close_a_breaker",
        "Only a call that began under the present state says that a service has recovered.",
        "filter (where x.generation = v.generation)",
        "filter (where true)",
        "test_answers_to_earlier_calls_do_not_half_open",
        guard="only-trials-close-a-breaker",
    ),
    RECORD(
        "trials_of_a_former_state_count",
        "A commit that waited for a change of state does not undo it.",
        "if s.generation <> c.generation then",
        "if false then",
        "test_an_answer_from_before_an_opening_that_it_waited_for_changes_nothing",
        guard="trials-of-a-former-state-count-no-more",
    ),
    RECORD(
        "breaker_without_a_lock",
        "Two commits open a breaker once.",
        "where v.name = c.service for no key update;",
        "where v.name = c.service;",
        "test_two_commits_open_one_breaker_once",
        guard="breaker-is-locked",
    ),
    RECORD(
        "an_answer_closes_what_a_person_opened",
        "A breaker that a person opened is closed by a person.",
        "not s.is_manual and c.trial_answered > 0",
        "c.trial_answered > 0",
        "tests/integration/test_open_service.py::test_it_is_open_until_a_person_closes_it",
        guard="manual-opening-stays",
    ),
    RECORD(
        "an_answered_probe_changes_nothing",
        "A service that is well again gets its work.",
        "c.trial_answered > 0",
        "false",
        "test_an_answered_probe_half_opens",
        guard="answered-probe-half-opens",
    ),
    RECORD(
        "one_stubborn_task_opens_a_breaker",
        "An account that fails for ever holds back no other.",
        "n.unknown - n.stubborn_unknown",
        "n.unknown",
        "test_a_task_that_fails_for_ever_opens_no_breaker",
        guard="stubborn-tasks-open-nothing",
    ),
    RECORD(
        "half_open_counts_the_outage",
        "After a change of state nothing counts that was counted before it.",
        "and (s.state = 'closed' or k.since > s.changed_at)",
        "",
        "test_trials_that_mostly_fail_open_it",
        guard="half-open-counts-anew",
    ),
    RECORD(
        "one_failure_opens",
        "A single failure is no outage.",
        "w.unknown >= s.opens_at_failures",
        "w.unknown > 0",
        "test_three_calls_without_a_response_open_the_breaker",
        guard="opens-at-a-number",
    ),
    RECORD(
        "few_failures_among_many_answers_open",
        "Failures of single tasks among many answers are no outage.",
        "w.unknown >= s.opens_at_share * w.total",
        "true",
        "test_a_breaker_opens_at_a_share_too",
        guard="opens-at-a-share",
    ),
    RECORD(
        "failed_trials_go_on",
        "A service that is still down is left alone at once.",
        "s.state = 'half_open' and s.trial_failed >= s.opens_at_failures",
        "false and s.trial_failed >= s.opens_at_failures",
        "test_every_failed_trial_counts",
        guard="failed-trials-open",
    ),
    RECORD(
        "denied_for_ever_goes_on",
        "A service that accepts no call is left alone.",
        "perform change_breaker(c.service, 'open', p_now,"
        " case when w.throttled > 0 then 'throttled' else 'denied' end, null);",
        "",
        "test_a_service_that_lets_nothing_through_is_left_alone",
        guard="opens-when-all-are-throttled",
    ),
    RECORD(
        "rate_is_lowered_for_each_429",
        "Responses to calls made before the rate was lowered do not lower it again.",
        "and coalesce(s.lowered_at < p_now - interval '10 s', true)",
        "",
        "test_the_rate_is_not_lowered_again_at_once",
        guard="rate-is-lowered-once-in-ten-seconds",
    ),
    RECORD(
        "throttled_fleet_goes_on",
        "429 lowers the rate of the whole fleet.",
        "where v.name = c.service;",
        "where false;",
        "test_throttling_lowers_the_rate_of_all",
        guard="throttled-fleet-slows-down",
    ),
    CHANGE(
        "admissions_outlive_a_change",
        "What was let through before a change of state waits for its turn after it.",
        "generation = s.generation + 1",
        "generation = s.generation",
        "test_answers_to_earlier_calls_do_not_half_open",
        guard="change-voids-admissions",
    ),
    CHANGE(
        "first_probe_at_once",
        "An opened breaker leaves its service alone for the probe interval.",
        "when 'open' then p_now + make_interval(secs => s.probe_seconds)",
        "when 'open' then p_now",
        "test_three_calls_without_a_response_open_the_breaker",
        guard="first-probe-waits",
    ),
    SLOTS(
        "slots_are_given_twice",
        "Two claims give no slot twice.",
        "perform 1 from services v order by v.name for no key update;",
        "",
        "test_two_claims_give_no_slot_twice",
        guard="slots-are-given-once",
    ),
    SLOTS(
        "manual_opening_is_probed",
        "A breaker that a person opened makes no probe.",
        "continue when s.is_manual;",
        "",
        "test_a_breaker_that_a_person_opened_makes_no_probe",
        guard="manual-opening-probes-nothing",
    ),
    SLOTS(
        "slots_begin_anew_with_each_claim",
        "The calls under an open breaker are at most one per probe interval.",
        "greatest(s.next_slot_at, p_now)",
        "p_now",
        "test_an_open_breaker_lets_one_task_through_each_interval",
        guard="slots-follow-each-other",
    ),
    SLOTS(
        "slot_admits_nothing",
        "A task that was given a slot begins.",
        "admitted = s.generation",
        "admitted = null",
        "test_a_slot_admits_under_its_generation_only",
        guard="slot-admits",
    ),
    SLOTS(
        "half_open_for_ever",
        "A breaker that has nothing left to hold back is closed.",
        "s.state = 'half_open' and p_now >= s.changed_at + interval '10 s'",
        "false",
        "test_a_breaker_closes_when_nothing_waits",
        guard="breaker-closes-when-nothing-waits",
    ),
    SLOTS(
        "lowered_for_ever",
        "A lowered rate is lifted when nothing waits.",
        "s.state = 'closed' and p_now >= s.grows_at",
        "false",
        "test_a_lowered_rate_is_lifted_when_nothing_waits",
        guard="lowered-rate-is-lifted",
    ),
    CLAIM(
        "claim_under_an_open_breaker",
        "What a breaker holds back is not claimed.",
        "return query select * from claim_for_services(v_now, v_until, p_limit, p_lease, p_rate);"
        " return;",
        "return;",
        "test_others_are_claimed_as_ever",
        guard="claim-respects-breakers",
    ),
    BEGIN(
        "begin_under_an_open_breaker",
        "Nothing of an open service begins, whatever message comes.",
        "set status = 'pending', lease_expires_at = null, sends = 0, admitted = null",
        "set admitted = null",
        "test_nothing_of_an_open_service_begins",
        guard="begin-respects-breakers",
    ),
    BEGIN(
        "slot_of_any_generation",
        "A slot counts only under the state that gave it.",
        "t.admitted is distinct from case t.service when 'ai_service' then v_ai else v_actions end",
        "t.admitted is null",
        "tests/integration/test_claim_for_services.py::test_a_slot_admits_under_its_generation_only",
        guard="slot-of-the-present-generation",
    ),
    COMMIT(
        "successor_under_an_open_breaker",
        "A task of an open service is not run by the delivery that made it.",
        "or (coalesce(service_of(f.next ->> 'phase') = any (v_limited), false)",
        "or (false",
        "test_a_successor_of_an_open_service_waits",
        guard="successor-respects-breakers",
    ),
    COMMIT(
        "rescheduled_under_an_open_breaker",
        "A call that was on its way when the breaker opened is made again after it.",
        "v_paused or (f.service = any (v_limited) and f.kept_slot is distinct from v_actions)",
        "v_paused",
        "test_a_rescheduled_task_of_an_open_service_waits",
        guard="rescheduled-task-respects-breakers",
    ),
    COMMIT(
        "poll_loses_its_slot",
        "What a ramp let through is finished: a job is polled to its end.",
        "case when t.phase = 'poll' then t.admitted end as kept_slot",
        "null::bigint as kept_slot",
        "test_what_a_ramp_let_through_is_finished",
        guard="poll-keeps-the-slot",
    ),
    COMMIT(
        "job_is_not_polled_on_the_slot",
        "What a ramp let through is finished: the job of a submit is polled.",
        "then t.admitted end as next_slot",
        "then null::bigint end as next_slot",
        "test_what_a_ramp_let_through_is_finished",
        guard="job-is-polled-on-the-slot-of-its-submit",
    ),
    COMMIT(
        "calls_are_not_counted",
        "A breaker opens with the commit that counts the failures.",
        "if p_calls <> '[]' then perform record_calls(p_calls, v_now); end if;",
        "",
        "test_a_commit_counts_the_calls_that_led_to_it",
        guard="calls-are-recorded",
    ),
    SEEN(
        "open_breaker_is_well",
        "What fell into an outage is not the fault of the work.",
        "if exists (select from services s",
        "if false and exists (select from services s",
        "test_a_breaker_that_was_open_meanwhile_is_sick",
        guard="open-breaker-is-sick",
    ),
    SEEN(
        "record_before_the_failure",
        "What was answered before an outage began says nothing about the outage.",
        "and k.since >= greatest(p_since, p_now - interval '10 min')",
        "",
        "test_what_the_failure_shares_a_count_with_proves_nothing",
        guard="record-begins-after-the-failure",
    ),
    HEALTH(
        "held_back_is_late",
        "What a breaker holds back is no backlog of the engine.",
        "and not exists (select from services v where v.name = s.name"
        " and v.slots_per_second is not null)",
        "",
        "test_what_a_breaker_holds_back_is_not_late",
        guard="held-back-is-not-late",
    ),
    OPEN(
        "opening_again_begins_anew",
        "Opening an open service again changes nothing.",
        "if not s.is_manual then",
        "if true then",
        "test_opening_again_changes_nothing",
        guard="opening-again-changes-nothing",
    ),
    CLOSE(
        "closing_what_is_closed",
        "Closing a closed service changes nothing.",
        "if s.state = 'open' then",
        "if true then",
        "test_closing_a_closed_breaker_changes_nothing",
        guard="closing-releases-on-a-ramp",
    ),
    OLD(
        "counts_are_deleted_at_once",
        "The counts that a breaker needs are kept.",
        "o.since < v_now - interval '1 hour'",
        "true",
        "test_counts_are_kept_for_an_hour",
        guard="counts-are-kept-for-an-hour",
    ),
    FAILURE(
        "an_outage_consumes_attempts",
        "A failure of the service is no attempt.",
        "outcome.unanswered and ctx.service_record is not ServiceRecord.ANSWERED",
        "False",
        "test_a_call_that_its_service_left_unanswered_is_no_attempt",
        guard="failure-of-the-service-is-no-attempt",
    ),
    FAILURE(
        "an_outage_without_end",
        "A service that is gone is not called for weeks.",
        "timedelta(milliseconds=payload.waited_ms) >= ctx.give_up_after",
        "False",
        "test_an_outage_ends_a_step_after_a_day",
        guard="outage-has-an-end",
    ),
    FAILURE(
        "the_record_spans_an_outage",
        "What a service answered before and after an outage says nothing about it.",
        "ctx.service_record is ServiceRecord.SICK or payload.unanswered_since is None",
        "payload.unanswered_since is None",
        "test_the_record_begins_anew_after_a_sick_time",
        guard="sick-service-is-watched-anew",
    ),
    FAILURE(
        "a_reclaim_leaves_no_trace",
        "A step that was run again after a loss says so in its history.",
        'history = (ctx.entry("reclaimed", error=outcome.error),)',
        "history = ()",
        "test_a_reclaim_stands_in_the_history",
        guard="reclaim-is-in-the-history",
    ),
    CONTEXT(
        "a_breaker_uses_up_the_timeout",
        "Time under an open breaker does not count against a step's timeout.",
        "payload.carried(paused_ms=paused_ms)",
        "payload",
        "test_time_under_an_open_breaker_is_not_the_steps_own",
        guard="lateness-extends-timeouts",
    ),
    CALL(
        "no_task_is_stubborn",
        "A task that fails for ever is known as such.",
        "stubborn=not well and begun.task.payload.deferrals >= _STUBBORN_AFTER",
        "stubborn=False",
        "test_a_task_that_was_deferred_twice_is_stubborn",
        guard="stubborn-task-is-known",
    ),
    SUBMIT(
        "unknown_write_is_sent_before_it_is_looked_up",
        "I5: a write of unknown outcome is looked up before it is sent again.",
        "job = self._service.find(task.task_id)",
        "job = None",
        "test_a_write_of_unknown_outcome_is_looked_up_before_it_is_sent_again",
        guard="unknown-write-is-looked-up-first",
    ),
    TICK(
        "the_tick_leaves_a_ramp_alone",
        "A service that is well again does not wait for the next tick.",
        "_limited(self._health()) and budget.remaining() > wait",
        "False",
        "test_the_tick_watches_a_limited_service",
        guard="tick-watches-limited-services",
    ),
    WRITER(
        "a_failed_writer_consumes_attempts",
        "A 5xx of the AI service says nothing about the text.",
        "status in _UNANSWERED or status >= 500",
        "False",
        "test_what_may_pass_is_an_error",
        guard="failed-writer-did-not-respond",
    ),
)
