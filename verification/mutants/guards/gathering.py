"""Guards of the call pool: calls side by side, results begun and committed together."""

from __future__ import annotations

from verification.mutants.mutant import Place

_SERVICES = "layers/engine/src/flamebot/services/"
_TESTS = "tests/unit/services/"
LOOP = Place(f"{_SERVICES}stepping/loop.py", f"{_TESTS}test_loop_gathering.py")
POOL = Place(f"{_SERVICES}stepping/call_pool.py", f"{_TESTS}test_call_pool.py")
GATHER = Place(f"{_SERVICES}stepping/call_pool.py", f"{_TESTS}test_loop_gathering.py")
PHASES = Place(f"{_SERVICES}stepping/phases/run.py", f"{_TESTS}test_execute_phase.py")

MUTANTS = (
    POOL(
        "an_error_ends_the_loop",
        "The other tasks go on when one task's call raises an error.",
        "if isinstance(result, BaseException) and not isinstance(result, Exception):",
        "if isinstance(result, BaseException):",
        "test_an_error_is_the_result_of_its_call",
        guard="error-is-a-result",
    ),
    LOOP(
        "begin_without_a_thread",
        "A begun task has a thread: open calls, releases and sends hold one too.",
        "- self._pool.open - reserved",
        "- reserved",
        "test_a_task_is_begun_only_with_a_thread_to_run_on",
        guard="begun-has-a-thread",
    ),
    GATHER(
        "writers_begin_one_by_one",
        "Tasks whose locks were acquired within a moment are begun in one statement.",
        "if not self.expected or self._clock.monotonic() >= deadline:",
        "if True:",
        "test_writers_that_have_their_locks_are_begun_together",
        guard="gathers-what-is-expected",
    ),
    LOOP(
        "due_waits_for_a_call",
        "I6: a task that falls due is begun beside a call that lasts.",
        "if due is None or not self._free_threads:",
        "if True:",
        "test_what_falls_due_is_begun_beside_a_call_that_lasts",
        guard="due-is-begun-beside-a-call",
    ),
    LOOP(
        "spins_without_a_thread",
        "A due task waits for a free thread without polling for it.",
        "if due is None or not self._free_threads:",
        "if due is None:",
        "test_while_all_threads_are_taken_nothing_spins",
        guard="due-is-begun-beside-a-call",
    ),
    PHASES(
        "call_without_time",
        "No call is started that the platform would cut off.",
        "budget.need_call()",
        "pass",
        "test_no_call_is_begun_that_might_be_cut_off",
        guard="call-needs-time",
    ),
    GATHER(
        "blocked_call_delays_a_commit",
        "Group commit never waits to fill: a remote call delays no commit.",
        "wait = QUIET_SECONDS",
        "wait = None",
        "test_a_blocked_call_delays_no_commit",
        guard="blocked-call-delays-no-commit",
    ),
    GATHER(
        "results_are_committed_one_by_one",
        "Results that arrive within a moment are committed in one statement.",
        "if not self.expected or self._clock.monotonic() >= deadline:",
        "if True:",
        "test_results_within_a_moment_are_committed_together",
        guard="gathers-what-is-expected",
    ),
    GATHER(
        "gathers_for_ever",
        "A commit waits 50 ms at most, whatever else arrives.",
        "or self._clock.monotonic() >= deadline",
        "",
        "test_gathering_ends_although_results_keep_arriving",
        guard="gathers-no-longer-than-50-ms",
    ),
    GATHER(
        "lone_task_waits",
        "Group commit never waits to fill: the begin of a lone task waits for no release.",
        "if wait == 0 and self.expected:",
        "if wait == 0:",
        "test_a_begin_waits_for_no_release",
        guard="lone-task-waits-for-nothing",
    ),
    POOL(
        "one_call_at_a_time",
        "No call waits for another's result while there are threads.",
        "self._wake_thread()",
        "pass",
        "test_calls_that_block_all_block_at_once",
        guard="blocked-calls-block-at-once",
    ),
    POOL(
        "a_refused_thread_strands_a_call",
        "If no further thread can be started, the existing ones run all calls.",
        "with suppress(RuntimeError):",
        "with suppress(ZeroDivisionError):",
        "test_one_thread_runs_all_calls_if_no_other_can_start",
        guard="no-thread-strands-no-call",
    ),
    POOL(
        "a_thread_for_each_call",
        "Waking a thread costs more than a call that returns at once.",
        "if self._waking or not self._calls:",
        "if not self._calls:",
        "test_calls_that_return_at_once_wake_few_threads",
        guard="one-thread-woken-at-a-time",
    ),
    POOL(
        "a_thread_is_being_woken_for_ever",
        "Calls that are submitted after a thread has arrived run too.",
        "self._waking = False",
        "pass",
        "test_calls_that_block_all_block_at_once",
        guard="woken-thread-has-arrived",
    ),
    POOL(
        "a_kill_is_not_reported",
        "A kill in a worker thread ends the loop.",
        "self._results.put((call, error))",
        "pass",
        "test_a_kill_in_a_worker_thread_ends_the_loop",
        guard="kill-is-a-kill",
    ),
)
