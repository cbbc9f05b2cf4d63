"""Guards of an invocation: its time, its batch of messages, its commits."""

from __future__ import annotations

from verification.mutants.mutant import Place

_SERVICES = "layers/engine/src/flamebot/services/"
GROUP = Place(f"{_SERVICES}stepping/commit_group.py", "tests/unit/services/test_commit_group.py")
RUN = Place(f"{_SERVICES}stepping/run_tasks.py", "tests/integration/services/test_run_tasks.py")
INVOCATION = Place(f"{_SERVICES}time_budget.py", "tests/unit/services/test_run_chain.py")

MUTANTS = (
    INVOCATION(
        "begin_without_reserve",
        "A task is begun only with a call's time and 15 s for what surrounds it.",
        "self.call_timeout.total_seconds() + _BEGIN_RESERVE_SECONDS",
        "self.call_timeout.total_seconds()",
        "test_without_time_the_successor_waits",
    ),
    INVOCATION(
        "call_without_reserve",
        "A call is made only if its commit still fits in.",
        "self.call_timeout.total_seconds() + _COMMIT_RESERVE_SECONDS",
        "self.call_timeout.total_seconds()",
        "tests/unit/services/test_execute_phase.py::test_no_write_is_begun_that_might_be_cut_off",
    ),
    GROUP(
        "commit_given_up_at_once",
        "I5: the effect has happened: a commit is repeated while the database is away.",
        "                if self._remaining() < wait + _RESERVE_SECONDS:\n                    raise\n",
        "                raise\n",
        "test_a_database_that_comes_back_gets_the_commit_again",
    ),
    GROUP(
        "commit_repeated_for_ever",
        "The invocation's end is not spent on a database that stays away.",
        "                if self._remaining() < wait + _RESERVE_SECONDS:\n                    raise\n",
        "                pass\n",
        "test_a_database_that_stays_away_leaves_the_end_unknown",
        may_hang=True,
    ),
    GROUP(
        "unknown_commit_is_called_stale",
        "I4: a commit whose end is not known is no stale one: its lock lapses.",
        '            self._telemetry.warn("commit_unknown", tasks=[entry.item.task_id for entry in entries])\n            return\n',
        '            self._telemetry.warn("commit_unknown", tasks=[entry.item.task_id for entry in entries])\n            answers = {}\n',
        "test_a_database_that_stays_away_leaves_the_end_unknown",
    ),
    GROUP(
        "one_bad_item_spoils_its_batch",
        "A batch that is refused is split: the siblings' work is kept.",
        "            if len(entries) > 1:\n",
        "            if False:\n",
        "test_a_refused_batch_is_split_down_to_one",
    ),
    GROUP(
        "answers_are_not_told",
        "I6: what a commit queued is sent right after it.",
        "        if answers:\n",
        "        if False:\n",
        "test_decisions_are_committed_in_one_call_and_told_after_it",
    ),
    RUN(
        "older_pointer_wins",
        "I4: of two pointers to one task in a batch the older was revoked.",
        "if pointer.task_id not in newest or newest[pointer.task_id].fence < pointer.fence:",
        "if pointer.task_id not in newest or newest[pointer.task_id].fence > pointer.fence:",
        "test_of_two_pointers_to_a_task_the_newer_one_counts",
    ),
    RUN(
        "lone_task_gets_company",
        "A task that travels alone is sent on alone.",
        "replace(pointer, alone=len(pointers) == 1)",
        "pointer",
        "test_what_travelled_alone_is_sent_on_alone",
    ),
    RUN(
        "one_delivery_id_for_all",
        "I4: the lock's owner is one delivery of one task: siblings of an account are others.",
        "instance_id=instance_id, delivery_id=own)",
        'instance_id=instance_id, delivery_id="always the same")',
        "test_a_duplicate_leaves_the_lock_to_its_twin",
    ),
    RUN(
        "unreadable_is_acknowledged",
        "A message that nobody can read comes again, and ends with the dead letters.",
        "                unreadable.append(message_id)\n",
        "",
        "test_an_unreadable_message_is_failed_alone",
    ),
    RUN(
        "dead_database_is_acknowledged",
        "I6: with nothing begun and the database down all messages come again.",
        "            return list(bodies)\n",
        "            return []\n",
        "test_a_dead_database_fails_the_whole_batch",
    ),
)
