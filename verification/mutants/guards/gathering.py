"""Guards of what is begun and committed together: who is waited for, and on which thread a question is asked."""

from __future__ import annotations

from verification.mutants.mutant import Place

_SERVICES = "layers/engine/src/flamebot/services/"
DELIVER = Place(f"{_SERVICES}stepping/deliver.py", "tests/unit/services/test_deliver.py")
OUTSIDE = Place(f"{_SERVICES}stepping/outside.py", "tests/unit/services/test_outside.py")

MUTANTS = (
    OUTSIDE(
        "a_question_that_breaks_breaks_its_siblings",
        "The siblings of a task that broke go on.",
        "        if isinstance(error, Exception):\n            question.broken(error)\n        elif error",
        "        if error",
        "test_who_asked_hears_of_a_question_that_broke",
    ),
    DELIVER(
        "begin_without_a_thread",
        "What is begun has a thread: what is being sent or given back has one too.",
        " - (self._outside.open - self._outside.awaited), 0)",
        ", 0)",
        "tests/unit/services/test_deliver_together.py::test_a_task_is_begun_only_with_a_thread_to_run_on",
    ),
    DELIVER(
        "writers_begin_one_by_one",
        "All whose locks were got within a moment are begun in one statement.",
        "while self._outside.awaited and self._clock.monotonic() < give_up and",
        "while self._under_way.isdisjoint(d for d, _ in self._admitted) and self._outside.awaited and",
        "tests/unit/services/test_deliver_together.py::test_writers_that_have_their_locks_are_begun_together",
    ),
    DELIVER(
        "due_waits_for_a_call",
        "I6: what falls due is begun beside a call that lasts.",
        "return self._until_due() if self._waiting and self._free else None",
        "return None",
        "tests/unit/services/test_deliver_together.py::test_what_falls_due_is_begun_beside_a_call_that_lasts",
    ),
    DELIVER(
        "spins_without_a_thread",
        "What is due waits for a thread without spinning.",
        "if self._waiting and self._free else None",
        "if self._waiting else None",
        "tests/unit/services/test_deliver_together.py::test_while_all_threads_are_taken_nothing_spins",
    ),
    Place(f"{_SERVICES}stepping/phases/run.py", "tests/unit/services/test_execute_phase.py")(
        "question_without_time",
        "No call is begun that the platform would cut off.",
        "        invocation.need_call()  # the commit that led here may have waited for its database\n",
        "",
        "test_no_call_is_begun_that_might_be_cut_off",
    ),
    DELIVER(
        "waits_for_who_waits_for_the_outside",
        "Batching never waits to fill: a call at the outside delays no commit.",
        "self._clock.monotonic() < give_up and self._outside.hear(_QUIET_SECONDS)",
        "self._outside.hear(None)",
        "tests/unit/services/test_deliver_together.py::test_who_waits_for_the_outside_holds_nobody_up",
    ),
    DELIVER(
        "waits_for_nobody",
        "What arrives together goes together.",
        "while self._outside.awaited and self._clock.monotonic() < give_up and",
        "while False and",
        "tests/unit/services/test_deliver_together.py::test_who_is_heard_within_a_moment_is_committed_together",
    ),
    DELIVER(
        "gathers_for_ever",
        "A commit waits 50 ms at most, whoever else comes.",
        "self._clock.monotonic() < give_up and ",
        "",
        "tests/unit/services/test_deliver_together.py::test_who_comes_again_and_again_is_not_waited_for_long",
    ),
    DELIVER(
        "lone_task_waits_for_company",
        "Batching never waits to fill: a lone task's begin and commit wait for nobody.",
        "return _QUIET_SECONDS if self._outside.awaited else 0.0",
        "return _QUIET_SECONDS",
        "tests/unit/services/test_deliver_together.py::test_a_begin_waits_for_no_lock_that_is_given_back",
    ),
    OUTSIDE(
        "one_question_at_a_time",
        "None waits for another's answer while there are threads.",
        "                self._call_a_thread()\n",
        "                pass\n",
        "test_questions_that_wait_all_wait_at_once",
    ),
    OUTSIDE(
        "no_thread_to_be_had_strands_a_question",
        "Where no thread more is to be had, those that there are answer all.",
        "            with suppress(RuntimeError):",
        "            with suppress(ZeroDivisionError):",
        "test_without_another_thread_the_one_there_is_answers_all",
    ),
    OUTSIDE(
        "a_thread_for_each_question",
        "To wake a thread costs more than an answer that is there at once.",
        "            if self._coming or not self._asked:\n",
        "            if not self._asked:\n",
        "test_questions_answered_at_once_wake_few_threads",
    ),
    OUTSIDE(
        "thread_is_coming_for_ever",
        "What is asked after a thread came is answered too.",
        "            self._coming = False\n        while",
        "            pass\n        while",
        "test_questions_that_wait_all_wait_at_once",
    ),
    OUTSIDE(
        "kill_is_not_heard",
        "A kill in a thread is a kill.",
        "            except BaseException as error:\n                self._answers.put((question, None, error))\n",
        "            except BaseException:\n",
        "test_a_kill_in_a_thread_is_a_kill",
    ),
)
