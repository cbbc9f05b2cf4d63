"""Guards around the SQL functions: which calls are repeated, what a conflict leads to."""

from __future__ import annotations

from verification.mutants.mutant import Place

_ENGINE = "layers/engine/src/flamebot/"
DATABASE = Place(
    f"{_ENGINE}adapters/postgres/connection.py", "tests/integration/test_connection.py"
)
STORE = Place(
    f"{_ENGINE}adapters/postgres/engine_store.py", "tests/integration/test_engine_store.py"
)
TIME = Place(f"{_ENGINE}services/schedule_time.py", "tests/unit/services/test_schedule_time.py")
CONTROL = Place(f"{_ENGINE}services/workflows/control.py", "tests/integration/http/test_control.py")
MAINTENANCE = Place(
    f"{_ENGINE}services/maintenance/run.py", "tests/unit/services/test_maintenance.py"
)

MUTANTS = (
    DATABASE(
        "lost_call_is_repeated",
        "I3: a call that lost its answer is repeated only if that does no harm.",
        "if not repeatable: raise errors.StoreUnavailable from lost",
        "del lost",
        "test_lost_call_that_is_not_repeatable_is_unavailable",
        guard="lost-call-is-not-repeated",
    ),
    DATABASE(
        "lost_call_is_given_up",
        "I6: a repeatable call that lost its answer is called again.",
        "if not repeatable: raise errors.StoreUnavailable from lost",
        "raise errors.StoreUnavailable from lost",
        "test_lost_repeatable_call_is_called_again",
        guard="lost-call-is-not-repeated",
    ),
    DATABASE(
        "call_over_a_connection_that_died",
        "A call that is not repeatable goes only over a connection that has just answered.",
        "if not repeatable and self._used: self._revive()",
        "",
        "test_connection_that_died_between_calls_is_replaced",
        guard="live-connection-for-one-call",
    ),
    DATABASE(
        "rolled_back_is_given_up",
        "What the database rolled back did not happen, and is run again.",
        "if error.pgcode in _ROLLED_BACK and tries_left: continue",
        "",
        "test_rolled_back_statement_is_run_again",
        guard="rolled-back-runs-again",
    ),
    DATABASE(
        "send_before_the_commit",
        "I6: a call is one transaction, committed before its results are sent.",
        "connection.autocommit = True",
        "connection.autocommit = False",
        "test_a_call_is_committed_when_it_returns",
        guard="one-call-one-transaction",
    ),
    DATABASE(
        "replica_is_kept",
        "A server that became a replica is left.",
        "self._drop()",
        "pass",
        "test_replica_after_a_failover_is_left",
        guard="replica-is-left",
    ),
    STORE(
        "claim_is_repeated",
        "A claim whose reply was lost is not repeated: its tasks are sent again after their lease.",
        "self._rows(_CLAIM, limit=limit)",
        "self._rows(_CLAIM, True, limit=limit)",
        "test_only_what_may_be_called_twice_is",
        guard="claim-once",
    ),
    STORE(
        "resend_is_repeated",
        "I8: sends are counted once.",
        "self._rows(_RESEND, limit=limit)",
        "self._rows(_RESEND, True, limit=limit)",
        "test_only_what_may_be_called_twice_is",
        guard="resend-once",
    ),
    STORE(
        "reclaim_is_repeated",
        "A reclaim whose reply was lost is not repeated: its lease expires and it is done again.",
        "self._rows(_RECLAIM, limit=limit",
        "self._rows(_RECLAIM, True, limit=limit",
        "test_only_what_may_be_called_twice_is",
        guard="reclaim-once",
    ),
    STORE(
        "begin_is_not_repeated",
        "I6: a begin whose reply was lost is repeated, with the same result.",
        "self._rows(_BEGIN, True, ids",
        "self._rows(_BEGIN, ids",
        "test_only_what_may_be_called_twice_is",
        guard="begin-repeated",
    ),
    STORE(
        "commit_is_not_repeated",
        "I6: a commit whose reply was lost is repeated, with the same result.",
        "self._rows(_COMMIT, True, items",
        "self._rows(_COMMIT, items",
        "test_only_what_may_be_called_twice_is",
        guard="commit-repeated",
    ),
    STORE(
        "commit_of_another_fence_counts",
        "I4: the result of an item is that of its fence.",
        "accepted.get((item.task_id, item.fence))",
        "next((a for (t, _), a in accepted.items() if t == item.task_id), None)",
        "test_commit_reports_each_item_by_its_own_fence",
        guard="result-per-fence",
    ),
    TIME(
        "machines_clock_is_believed",
        "I6: schedule time continues from the database's clock, not from the machine's.",
        "self._anchor = (now, self._clock.monotonic())",
        "del now",
        "test_schedule_time_follows_the_database",
        guard="time-of-the-database",
    ),
    CONTROL(
        "conflict_is_given_up",
        "A step that commits between read and write outdates the plan, which is made again.",
        "if not tries_left: raise",
        "raise",
        "tests/integration/services/test_beside_another.py::test_a_plan_that_is_void_is_made_anew",
        guard="plan-again-on-conflict",
    ),
    CONTROL(
        "control_sends_nothing",
        "I6: a task that a control call queued is sent at once.",
        "send_tasks(changed.send, queue=self._queue, clock=self._clock, telemetry=self._telemetry)",
        "pass",
        "test_run_now_sends_at_once",
        guard="send-after-control",
    ),
    CONTROL(
        "resume_all_waits_for_the_tick",
        "What fell due during the global pause is sent at its end.",
        "self._dispatcher.dispatch()",
        "pass",
        "tests/integration/services/test_beside_another.py::test_the_end_of_the_global_pause_sends_at_once",
        guard="resume-all-sends",
    ),
    MAINTENANCE(
        "one_part_failing_stops_the_others",
        "I12: the parts of a maintenance pass are independent.",
        "self._part_failed(name, error, results, errors)",
        "raise",
        "test_one_part_failing_stops_no_other",
        guard="other-parts-go-on",
    ),
    MAINTENANCE(
        "maintenance_without_end",
        "A maintenance pass ends before its invocation does.",
        "while budget.may_start_part:",
        "while True:",
        "test_it_stops_when_time_is_short",
        guard="delete-while-time-is-left",
        may_hang=True,
    ),
)
