"""Guards of the tick and of the queue: how much is claimed, what is sent when, and what a message says."""

from __future__ import annotations

from verification.mutants.mutant import Place

_ENGINE = "layers/engine/src/flamebot/"
SENDING = Place(f"{_ENGINE}services/sending.py", "tests/unit/services/test_sending.py")
TICK = Place(
    f"{_ENGINE}services/ticking/dispatch.py", "tests/integration/services/test_dispatch_due.py"
)
RECLAIM = Place(f"{_ENGINE}services/ticking/reclaim.py", "tests/unit/services/test_reclaim.py")
QUEUE = Place(f"{_ENGINE}adapters/sqs/queue.py", "tests/contracts/test_step_queue.py")
MESSAGE = Place(f"{_ENGINE}domain/message.py", "tests/unit/domain/test_message.py")

MUTANTS = (
    SENDING(
        "reclaimed_task_shares_a_message",
        "A task that was reclaimed travels alone: it may be what kills its process.",
        "[(p,) for p in pointers if p.alone]",
        "[]",
        "test_a_reclaimed_task_travels_alone",
        guard="reclaimed-travels-alone",
        also=(("(p for p in pointers if not p.alone)", "pointers"),),
    ),
    SENDING(
        "delay_rounded_up",
        "I6: a message's delay is rounded down: the step function waits out the rest.",
        "int(left + _TOLERANCE_SECONDS)",
        "int(left + _TOLERANCE_SECONDS) + 1",
        "test_delay_is_whole_real_seconds_rounded_down",
        guard="delay-rounded-down",
    ),
    SENDING(
        "delay_beyond_the_queues",
        "A message's delay is at most the queue's longest.",
        "min(max(int(left + _TOLERANCE_SECONDS), 0), LONGEST_DELAY_SECONDS)",
        "max(int(left + _TOLERANCE_SECONDS), 0)",
        "test_delay_has_bounds",
        guard="delay-within-the-queues",
    ),
    SENDING(
        "seconds_share_messages",
        "I6: only tasks due in the same second share a message.",
        "p.due.replace(microsecond=0)",
        "0",
        "test_same_second_shares_a_message",
        guard="one-second-per-message",
    ),
    SENDING(
        "message_without_end",
        "A message holds at most ten tasks.",
        "groups.append(rest[:TASKS_PER_MESSAGE]) rest = rest[TASKS_PER_MESSAGE:]",
        "groups.append(rest)\n            rest = ()",
        "test_ten_to_a_message",
        guard="ten-tasks-per-message",
    ),
    SENDING(
        "urgent_waits",
        "I6: what is due in less than two seconds is sent at once.",
        "0.0 if left < _URGENT_SECONDS else leaves",
        "leaves",
        "tests/unit/services/test_sending_in_waves.py::test_what_is_due_soon_leaves_at_once",
        guard="urgent-sent-at-once",
    ),
    TICK(
        "tick_takes_nothing_over",
        "I6: what crashed is reclaimed within its lease and two ticks.",
        "reclaimed = self._reclaim.run(str(uuid4()), remaining)",
        "reclaimed = 0",
        "test_a_task_whose_runner_died_goes_on",
    ),
    TICK(
        "tick_sends_nothing_again",
        "I6: what got lost is sent again.",
        "resent, sent_again = self._drain(self._store.resend_expired, remaining)",
        "resent, sent_again = 0, 0",
        "test_a_lost_message_is_sent_again_with_the_same_fence",
    ),
    TICK(
        "tick_claims_beyond_the_room",
        "No more in flight than MAX_QUEUED_TASKS.",
        "self._store.claim_due_tasks(min(limit, room)) if room > 0 else []",
        "self._store.claim_due_tasks(limit)",
        "tests/unit/services/test_dispatch_due.py::test_a_tick_claims_as_much_as_there_is_room_for",
    ),
    TICK(
        "tick_forgets_what_it_claimed",
        "What was claimed takes room.",
        "            room -= len(pointers)\n",
        "",
        "tests/unit/services/test_dispatch_due.py::test_a_tick_claims_as_much_as_there_is_room_for",
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
    RECLAIM(
        "one_bad_plan_spoils_the_reclaim",
        "I6: what cannot be planned keeps no other.",
        "        except Exception as error:  # noqa: BLE001  # what cannot be planned must not keep the others; it is reclaimed again\n",
        "        except ZeroDivisionError as error:\n",
        "test_what_cannot_be_planned_keeps_no_other",
    ),
    RECLAIM(
        "reclaim_sends_nothing",
        "I6: what a reclaim queues is sent.",
        "self._send([answer.send for answer in answers if answer.send is not None])",
        "del answers",
        "test_what_cannot_be_planned_keeps_no_other",
    ),
    RECLAIM(
        "reclaim_without_end",
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
)
