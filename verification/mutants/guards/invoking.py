"""Guards of an invocation: its time, its batch of messages, its commits."""

from __future__ import annotations

from verification.mutants.mutant import Place

_SERVICES = "layers/engine/src/flamebot/services/"
COMMIT = Place(f"{_SERVICES}stepping/commit.py", "tests/unit/services/test_commit.py")
RUN = Place(f"{_SERVICES}stepping/run_tasks.py", "tests/integration/services/test_run_tasks.py")
BUDGET = Place(f"{_SERVICES}time_budget.py", "tests/unit/services/test_execute.py")

MUTANTS = (
    BUDGET(
        "begin_without_reserve",
        "A task is begun only with a call's time and 15 s for its other calls and its commit.",
        "+ self.BEGIN_RESERVE",
        "",
        "test_without_time_the_successor_waits",
        guard="begin-reserve",
    ),
    BUDGET(
        "call_without_reserve",
        "A call is started only if its commit still fits in.",
        "+ self.COMMIT_RESERVE",
        "",
        "tests/unit/services/test_execute_phase.py::test_no_write_is_begun_that_might_be_cut_off",
        guard="call-reserve",
    ),
    COMMIT(
        "commit_abandoned_at_once",
        "I5: the effect has happened, so a commit is repeated while the database is unavailable.",
        "if not self._budget.may_commit_after(wait):",
        "if True:",
        "test_a_commit_is_repeated_until_the_database_is_back",
        guard="commit-is-repeated",
    ),
    COMMIT(
        "commit_repeated_for_ever",
        "An invocation does not spend its last seconds on a database that stays down.",
        "if not self._budget.may_commit_after(wait):",
        "if False:",
        "test_a_database_that_stays_down_leaves_the_commit_unknown",
        guard="commit-is-repeated",
        may_hang=True,
    ),
    COMMIT(
        "unknown_commit_is_called_stale",
        "I4: a commit of unknown outcome is not a stale one: its lock is left to expire.",
        "return [None for _ in items]",
        "return [Committed(task_id=item.task_id, accepted=False) for item in items]",
        "test_a_database_that_stays_down_leaves_the_commit_unknown",
        guard="unknown-is-not-stale",
    ),
    COMMIT(
        "one_bad_item_fails_its_group",
        "A refused group is split, so that the other items are committed.",
        "if len(items) > 1:",
        "if False:",
        "test_a_refused_batch_is_split_down_to_one",
        guard="refused-group-is-split",
    ),
    COMMIT(
        "commit_returns_nothing_to_send",
        "I6: what a commit queued is sent right after it.",
        "[c.send for c in results if c and c.send]",
        "[]",
        "test_a_commit_returns_what_to_send",
        guard="queued-is-returned",
    ),
    RUN(
        "older_pointer_wins",
        "I4: of two pointers to one task in a batch the older one was revoked.",
        "known.fence < pointer.fence",
        "known.fence > pointer.fence",
        "test_of_two_pointers_to_a_task_the_newer_one_counts",
        guard="newer-pointer-wins",
    ),
    RUN(
        "lone_task_shares_a_message",
        "A task that travelled alone is requeued alone.",
        "replace(pointer, alone=alone)",
        "pointer",
        "test_what_travelled_alone_is_sent_on_alone",
        guard="alone-stays-alone",
    ),
    RUN(
        "one_delivery_id_for_all",
        "I4: the owner of a lock is the delivery of one task; other tasks of the account differ.",
        'delivery_id=f"{delivery_id}:{pointer.task_id}"',
        'delivery_id="always the same"',
        "test_a_duplicate_leaves_the_lock_to_its_twin",
        guard="delivery-id-per-task",
    ),
    RUN(
        "unreadable_is_acknowledged",
        "An unreadable message comes again and ends in the dead-letter queue.",
        "unreadable.append(message_id)",
        "pass",
        "test_an_unreadable_message_is_failed_alone",
        guard="unreadable-comes-again",
    ),
    RUN(
        "dead_database_is_acknowledged",
        "I6: with nothing begun and the database down all messages come again.",
        "return list(bodies)",
        "return []",
        "test_a_dead_database_fails_the_whole_batch",
        guard="dead-database-fails-the-batch",
    ),
)
