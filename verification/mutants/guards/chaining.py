"""Guards of a chain: what it goes on with, under which fence, with which lock."""

from __future__ import annotations

from verification.mutants.mutant import Place

_SERVICES = "layers/engine/src/flamebot/services/"
CHAIN = Place(f"{_SERVICES}stepping/run_chain.py", "tests/unit/services/test_run_chain.py")
_ASK = "if self._invocation.may_begin and (not follower.phase.writes or lock.take(task.sequence + 1, 0).verdict is Verdict.ACQUIRED):"

MUTANTS = (
    CHAIN(
        "lock_given_back_though_a_call_may_be_at_work",
        "I4: the lock is given back only when the call has surely ended.",
        "chain.settled and decided.executed.ended and committed is not None",
        "chain.settled and committed is not None",
        "tests/integration/services/test_acting_on_accounts.py::test_the_lock_of_an_unknown_call_is_left_to_lapse",
    ),
    CHAIN(
        "lock_given_back_though_the_commit_may_come",
        "I4: the lock is given back only when the commit's end is known.",
        "chain.settled and decided.executed.ended and committed is not None",
        "chain.settled and decided.executed.ended",
        "test_an_unknown_commit_leaves_the_lock_to_lapse",
    ),
    CHAIN(
        "put_off_is_executed",
        "I4: a task that was put off is not executed.",
        "Executed(outcome=chain.put_off) if chain.put_off else",
        "Executed(outcome=chain.put_off) if False else",
        "tests/integration/services/test_acting_on_accounts.py::test_a_lock_held_by_another_defers_without_an_attempt",
    ),
    CHAIN(
        "chain_without_time",
        "The next task is run here only with the time for it.",
        _ASK,
        _ASK.replace("self._invocation.may_begin and ", ""),
        "test_without_time_the_successor_waits",
    ),
    CHAIN(
        "chain_without_the_lock",
        "I4: the lock comes before the commit that creates the write.",
        _ASK,
        "if self._invocation.may_begin:",
        "test_without_the_lock_the_successor_waits",
    ),
    CHAIN(
        "chain_whatever_the_lock_says",
        "I4: without the lock the write is born pending.",
        _ASK,
        _ASK.replace("is Verdict.ACQUIRED", "in Verdict"),
        "test_without_the_lock_the_successor_waits",
    ),
    CHAIN(
        "chain_on_what_is_not_running",
        "I7: only what the commit says is running is run.",
        ' or committed.next_status != "running":',
        ":",
        "test_a_successor_that_is_not_running_is_left",
    ),
    CHAIN(
        "chain_on_what_was_not_asked_for",
        "I5: a commit that did not ask to run the next one does not run it.",
        "if follower is None or not follower.run or not committed.accepted",
        "if follower is None or not committed.accepted",
        "test_a_running_successor_of_somebody_else_is_left",
    ),
    CHAIN(
        "chain_under_the_old_fence",
        "I4: the next task runs under the fence that the commit gave.",
        "                fence=committed.next_fence,\n",
        "                fence=task.fence,\n",
        "test_a_text_is_stored_then_sent_in_one_go",
    ),
    CHAIN(
        "suspension_is_not_remembered",
        "What the service said of the account is remembered after the commit.",
        "        if committed.accepted:\n            self._remember_status(",
        "        if False:\n            self._remember_status(",
        "tests/integration/services/test_acting_on_accounts.py::test_a_suspended_account_halts_the_workflow",
    ),
)
