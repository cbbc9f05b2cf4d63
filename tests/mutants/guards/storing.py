"""Guards around the verbs: which calls may be repeated, what is sent when, and what a service does with a conflict."""

from __future__ import annotations

from tests.mutants.mutant import Place

_ENGINE = "layers/engine/src/flamebot/"
DATABASE = Place(f"{_ENGINE}adapters/postgres/connection.py", "tests/integration/test_connection.py")
STORE = Place(f"{_ENGINE}adapters/postgres/tasks.py", "tests/integration/test_task_store.py")
SEND = Place(f"{_ENGINE}services/send_tasks.py", "tests/unit/services/test_send_tasks.py")
SEND_IN_TIME = Place(f"{_ENGINE}services/send_in_time.py", "tests/unit/services/test_send_in_time.py")
TICK = Place(f"{_ENGINE}services/dispatch_due.py", "tests/integration/services/test_dispatch_due.py")
TAKE_OVER = Place(f"{_ENGINE}services/take_over.py", "tests/unit/services/test_take_over.py")
QUEUE = Place(f"{_ENGINE}adapters/sqs/queue.py", "tests/contracts/test_step_queue.py")
MESSAGE = Place(f"{_ENGINE}domain/message.py", "tests/unit/domain/test_message.py")
TIME = Place(f"{_ENGINE}services/engine_time.py", "tests/unit/services/test_engine_time.py")
CONTROL = Place(f"{_ENGINE}services/control_workflow.py", "tests/integration/http/test_control.py")
IMPORT = Place(f"{_ENGINE}services/import_accounts.py", "tests/integration/http/test_import.py")
REQUEST = Place(f"{_ENGINE}services/import_request.py", "tests/unit/services/test_import_request.py")
ROWS = Place(f"{_ENGINE}services/import_rows.py", "tests/unit/services/test_import_rows.py")
UPKEEP = Place(f"{_ENGINE}services/keep_up.py", "tests/unit/services/test_keep_up.py")

MUTANTS = (
    DATABASE(
        "lost_call_is_repeated",
        "I3: a call that lost its answer is repeated only if that does no harm.",
        "                if not repeatable:\n                    raise errors.StoreUnavailable from lost\n",
        "                del lost\n",
        "test_lost_call_that_is_not_repeatable_is_unavailable",
    ),
    DATABASE(
        "lost_call_is_given_up",
        "I6: a repeatable call that lost its answer is called again.",
        "                if not repeatable:\n                    raise errors.StoreUnavailable from lost\n",
        "                raise errors.StoreUnavailable from lost\n",
        "test_lost_repeatable_call_is_called_again",
    ),
    DATABASE(
        "call_over_a_connection_that_died",
        "A call that is not repeatable goes only over a connection that has just answered.",
        "                if not repeatable and self._used:\n                    self._revive()\n",
        "",
        "test_connection_that_died_between_calls_is_replaced",
    ),
    DATABASE(
        "rolled_back_is_given_up",
        "What the database rolled back did not happen, and is run again.",
        "                if error.pgcode in _ROLLED_BACK and tries_left:\n                    continue\n",
        "",
        "test_rolled_back_statement_is_run_again",
    ),
    DATABASE(
        "send_before_the_commit",
        "I6: a verb is one transaction, and over before what it answers is sent.",
        "                connection.autocommit = True\n",
        "                connection.autocommit = False\n",
        "test_a_verb_is_committed_when_it_answers",
    ),
    DATABASE(
        "replica_is_kept",
        "A server that became a replica is left.",
        "        if code == _READ_ONLY:\n            self._drop()\n",
        "        if code == _READ_ONLY:\n",
        "test_replica_after_a_failover_is_left",
    ),
    STORE(
        "claim_is_repeated",
        "A claim whose answer got lost is not repeated: what it claimed is sent again after its lease.",
        "self._db.call(_CLAIM, self._time(limit=limit, room=self._max_queued))",
        "self._db.call(_CLAIM, self._time(limit=limit, room=self._max_queued), repeatable=True)",
        "test_only_what_may_be_called_twice_is",
    ),
    STORE(
        "resend_is_repeated",
        "I8: sends are counted once.",
        "self._db.call(_RESEND, self._time(limit=limit))",
        "self._db.call(_RESEND, self._time(limit=limit), repeatable=True)",
        "test_only_what_may_be_called_twice_is",
    ),
    STORE(
        "take_over_is_repeated",
        "A take-over whose answer got lost is taken over from after its lease, by whoever comes.",
        "self._db.call(_TAKE_OVER, self._time(limit=limit, nonce=nonce))",
        "self._db.call(_TAKE_OVER, self._time(limit=limit, nonce=nonce), repeatable=True)",
        "test_only_what_may_be_called_twice_is",
    ),
    STORE(
        "begin_is_not_repeated",
        "I6: a begin whose answer got lost is asked again, and answered the same.",
        "self._time(ids=ids, fences=fences, nonce=nonce), repeatable=True)",
        "self._time(ids=ids, fences=fences, nonce=nonce))",
        "test_only_what_may_be_called_twice_is",
    ),
    STORE(
        "commit_is_not_repeated",
        "I6: a commit whose answer got lost is sent again, and answered the same.",
        "self._db.call(_COMMIT, self._time(items=document), repeatable=True)",
        "self._db.call(_COMMIT, self._time(items=document))",
        "test_only_what_may_be_called_twice_is",
    ),
    STORE(
        "commit_of_another_fence_counts",
        "I4: an item's answer is for its fence.",
        "[accepted.get((item.task_id, item.fence)) or",
        "[next((a for (t, _), a in accepted.items() if t == item.task_id), None) or",
        "test_commit_answers_for_the_fence_that_was_asked",
    ),
    SEND(
        "crashed_task_gets_company",
        "A task that was taken over travels alone: it may be what kills its process.",
        "    groups = [[pointer] for pointer in pointers if pointer.alone]\n",
        "    groups: list[list[TaskPointer]] = []\n",
        "test_a_taken_over_task_travels_alone",
        also=(("shared = sorted((pointer for pointer in pointers if not pointer.alone),", "shared = sorted(pointers,"),),
    ),
    SEND(
        "delay_rounded_up",
        "I6: a message's delay is rounded down: the step function waits out the rest.",
        "return min(max(int(left + _TOLERANCE_SECONDS), 0), LONGEST_DELAY_SECONDS)",
        "return min(max(int(left + _TOLERANCE_SECONDS) + 1, 0), LONGEST_DELAY_SECONDS)",
        "test_delay_is_whole_real_seconds_rounded_down",
    ),
    SEND(
        "delay_beyond_the_queues",
        "A delay fits the queue.",
        "return min(max(int(left + _TOLERANCE_SECONDS), 0), LONGEST_DELAY_SECONDS)",
        "return max(int(left + _TOLERANCE_SECONDS), 0)",
        "test_delay_has_bounds",
    ),
    SEND(
        "seconds_share_messages",
        "I6: only tasks due in the same second share a message.",
        "for _, same_second in groupby(shared, key=lambda p: p.due.replace(microsecond=0)):",
        "for _, same_second in groupby(shared, key=lambda p: 0):",
        "test_same_second_shares_a_message",
    ),
    SEND(
        "message_without_end",
        "Ten tasks to a message.",
        "[together[start : start + TASKS_PER_MESSAGE] for start in range(0, len(together), TASKS_PER_MESSAGE)]",
        "[together]",
        "test_ten_to_a_message",
    ),
    SEND_IN_TIME(
        "urgent_waits",
        "I6: what is due in less than two seconds is sent at once, not when it would be cheapest.",
        "0.0 if left < _URGENT_SECONDS else int(left % 1 * _WAVES) + 0.5",
        "int(left % 1 * _WAVES) + 0.5",
        "test_what_is_due_soon_leaves_at_once",
    ),
    TICK(
        "tick_takes_nothing_over",
        "I6: what crashed is taken over within its lease and two ticks.",
        "taken_over = self._take_over.run(str(uuid4()), remaining)",
        "taken_over = 0",
        "test_a_task_whose_runner_died_goes_on",
    ),
    TICK(
        "tick_sends_nothing_again",
        "I6: what got lost is sent again.",
        "resent, sent_again = self._drain(self._store.resend_lost_tasks, remaining)",
        "resent, sent_again = 0, 0",
        "test_a_lost_message_is_sent_again_with_the_same_fence",
    ),
    TICK(
        "tick_claims_into_the_void",
        "A queue that is down stops the claims: more would only be put off for a lease.",
        "            if len(pointers) < _CHUNK or accepted < len(pointers):\n",
        "            if len(pointers) < _CHUNK:\n",
        "tests/unit/services/test_dispatch_due.py::test_claims_stop_at_a_queue_that_is_down",
    ),
    TICK(
        "tick_without_end",
        "A tick is over before its function is.",
        "        while remaining() > 0:\n            pointers = verb(_CHUNK)\n",
        "        while True:\n            pointers = verb(_CHUNK)\n",
        "tests/unit/services/test_dispatch_due.py::test_claims_stop_when_time_is_over",
    ),
    TAKE_OVER(
        "one_bad_plan_spoils_the_take_over",
        "I6: what cannot be planned keeps no other.",
        "        except Exception as error:  # noqa: BLE001  # what cannot be planned must not keep the others; it is taken over again\n",
        "        except ZeroDivisionError as error:\n",
        "test_what_cannot_be_planned_keeps_no_other",
    ),
    TAKE_OVER(
        "take_over_sends_nothing",
        "I6: what a take-over queues is sent.",
        "self._send([answer.send for answer in answers if answer.send is not None])",
        "del answers",
        "test_what_cannot_be_planned_keeps_no_other",
    ),
    TAKE_OVER(
        "take_over_without_end",
        "A tick is over before its function is.",
        "        while remaining() > 0:\n            expired",
        "        while True:\n            expired",
        "test_time_bounds_it",
    ),
    QUEUE(
        "queue_that_is_down_is_asked_again_and_again",
        "A queue that is down costs two calls, not a timeout per batch.",
        "                if failures == _GIVE_UP_AFTER:\n                    break\n",
        "",
        "test_a_queue_that_is_down_costs_two_calls",
    ),
    QUEUE(
        "queue_error_ends_the_work",
        "I6: a queue that fails ends nothing: the row is the outbox.",
        "            except (BotoCoreError, ClientError):\n",
        "            except ZeroDivisionError:\n",
        "test_a_missing_queue_is_no_exception",
    ),
    QUEUE(
        "refused_message_counts_as_sent",
        "Only what was accepted counts.",
        'accepted = len(answer.get("Successful", []))\n',
        "accepted = len(entries)\n",
        "test_a_refused_message_leaves_the_others",
    ),
    MESSAGE(
        "message_of_another_version",
        "A message of a version that this code does not know is left to code that does.",
        '        if document["v"] != VERSION:\n',
        "        if False:\n",
        "test_a_message_of_another_version_is_left",
    ),
    TIME(
        "machines_clock_is_believed",
        "I6: the database says when it is.",
        "self._anchor = (now, self._clock.monotonic())",
        "del now",
        "test_the_database_is_believed",
    ),
    CONTROL(
        "conflict_is_given_up",
        "A step that commits between reading and writing makes the plan void: it is made anew.",
        "                if not tries_left:\n                    raise\n",
        "                raise\n",
        "tests/integration/services/test_beside_another.py::test_a_plan_that_is_void_is_made_anew",
    ),
    CONTROL(
        "control_sends_nothing",
        "I6: what a person queued is sent at once.",
        "        send_tasks(changed.send, queue=self._queue, clock=self._clock, telemetry=self._telemetry)\n",
        "",
        "test_run_now_sends_at_once",
    ),
    CONTROL(
        "resume_all_waits_for_the_tick",
        "What fell due during the global pause is sent at its end.",
        "            self._dispatcher.dispatch()\n",
        "            pass\n",
        "tests/integration/services/test_beside_another.py::test_the_end_of_the_global_pause_sends_at_once",
    ),
    IMPORT(
        "import_is_not_remembered",
        "I9: the same request is answered from memory: nothing is encrypted for it.",
        "        if replay:\n            return replay\n        rows = judge(order.rows)\n",
        "        rows = judge(order.rows)\n",
        "tests/integration/services/test_beside_another.py::test_a_repetition_needs_no_key_service",
    ),
    IMPORT(
        "import_in_flight_is_refused",
        "I9: the other request may have finished just now: its answer is told.",
        "            if replay:\n                return replay\n            raise\n",
        "            raise\n",
        "tests/integration/services/test_beside_another.py::test_a_twin_that_has_just_finished_is_answered",
    ),
    IMPORT(
        "import_sends_nothing",
        "I6: what is due soon is sent at once.",
        "        send_tasks(pointers, queue=self._queue, clock=self._clock, telemetry=self._telemetry)\n",
        "",
        "test_what_is_due_soon_is_sent_at_once",
    ),
    REQUEST(
        "another_document_is_answered",
        "I9: another request under the same key is refused.",
        "    if not hmac.compare_digest(bytes(known.digest), _digest(document, bytes(known.salt))):\n",
        "    if False:\n",
        "test_another_document_is_refused",
    ),
    ROWS(
        "row_with_what_no_column_takes",
        "I9: a row with NUL, or half of a surrogate pair, is rejected by itself: it would take the others with it.",
        "        if flaws:\n            return None, flaws\n",
        "",
        "test_a_bad_row_says_where",
    ),
    ROWS(
        "row_whose_escapes_nobody_reads",
        "I9: what keeps a row from being stored is seen whether it was sent as a character or as an escape.",
        "    if not surely_clean(text):\n",
        "    if not text.isascii():\n",
        "test_a_bad_row_says_where",
    ),
    ROWS(
        "account_twice_in_a_request",
        "I9: of two rows of one account the later one is rejected.",
        "        if known is not None and known in first_at:\n",
        "        if known is not None and known in ():\n",
        "test_the_later_of_two_is_rejected",
        also=(("/accounts/{first_at[known]}.", "/accounts/{first_at.get(known)}."),),
    ),
    UPKEEP(
        "one_part_failing_stops_the_others",
        "I12: each part of upkeep stands for itself.",
        "                self._failed(name, error, done, errors)\n",
        "                raise\n",
        "test_one_part_failing_stops_no_other",
    ),
    UPKEEP(
        "upkeep_without_end",
        "Upkeep is over before its function is.",
        "        while time_left() >= SHORT_SECONDS:\n            batch",
        "        while True:\n            batch",
        "test_it_stops_when_time_is_short",
        may_hang=True,
    ),
)
