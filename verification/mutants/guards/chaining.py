"""Guards of a chain: when a successor runs here, and when the lock is released."""

from __future__ import annotations

from verification.mutants.mutant import Place

_ENGINE = "layers/engine/src/flamebot/"
_TESTS = "tests/unit/services/test_execute.py"
_ACTING = "tests/integration/services/test_acting_on_accounts.py"
LOOP = Place(f"{_ENGINE}services/stepping/loop.py", "tests/unit/services/test_loop.py")
EXECUTE = Place(f"{_ENGINE}services/stepping/execute.py", _TESTS)
SUCCESSOR = Place(f"{_ENGINE}domain/successor.py", _TESTS)

MUTANTS = (
    LOOP(
        "lock_released_though_a_call_may_be_running",
        "I4: the lock is released only when the call has ended for certain.",
        "p.executed.ended and committed is not None",
        "committed is not None",
        f"{_ACTING}::test_the_lock_of_an_unknown_call_is_left_to_lapse",
        guard="call-has-ended",
    ),
    LOOP(
        "lock_released_though_the_commit_may_arrive",
        "I4: the lock is released only when the end of the commit is known.",
        "p.executed.ended and committed is not None",
        "p.executed.ended",
        "test_an_unknown_commit_leaves_the_lock_to_expire",
        guard="commit-is-known",
    ),
    EXECUTE(
        "deferred_task_is_executed",
        "I4: a deferred task is not executed.",
        "if deferral",
        "if False",
        f"{_ACTING}::test_a_lock_held_by_another_defers_without_an_attempt",
        guard="deferred-is-not-executed",
    ),
    EXECUTE(
        "writer_without_the_issues",
        "The writer of the next text is given the issues of the rejected ones.",
        "issues=task.payload.text_issues or ()",
        "issues=()",
        "test_the_writer_is_given_the_issues_of_rejected_texts",
        guard="issues-reach-the-writer",
    ),
    EXECUTE(
        "successor_without_time",
        "A successor runs here only with the time for it.",
        "self._budget.may_begin and",
        "",
        "test_without_time_the_successor_waits",
        guard="successor-needs-time",
    ),
    EXECUTE(
        "successor_without_the_lock",
        "I4: the lock is acquired before the commit that creates the write.",
        "if self._budget.may_begin and (",
        "if self._budget.may_begin or (",
        "test_without_the_lock_the_successor_waits",
        guard="successor-needs-the-lock",
    ),
    EXECUTE(
        "successor_whatever_the_lock_says",
        "I4: without the lock the write is created as pending.",
        "is Verdict.ACQUIRED",
        "in Verdict",
        "test_without_the_lock_the_successor_waits",
        guard="successor-needs-the-lock",
    ),
    SUCCESSOR(
        "successor_that_is_not_running",
        "I7: only a successor that the commit created as running is run.",
        'if committed.next_status != "running":',
        "if False:",
        "test_a_successor_that_is_not_running_is_left",
        guard="only-what-is-running",
    ),
    SUCCESSOR(
        "successor_that_was_not_requested",
        "I5: a commit whose decision did not ask to run the successor does not run it.",
        "or not follower.run or",
        "or",
        "test_a_running_successor_of_another_invocation_is_left",
        guard="only-as-requested",
    ),
    SUCCESSOR(
        "successor_under_the_old_fence",
        "I4: the successor runs under the fence that the commit assigned.",
        "fence=committed.next_fence",
        "fence=begun.task.fence",
        "test_a_text_is_stored_then_submitted_in_one_invocation",
        guard="fence-of-the-commit",
    ),
    EXECUTE(
        "account_status_is_not_stored",
        "The account's status at the service is stored after the commit.",
        "if committed.accepted:",
        "if False:",
        f"{_ACTING}::test_a_suspended_account_halts_the_workflow",
        guard="account-status-is-stored",
    ),
)
