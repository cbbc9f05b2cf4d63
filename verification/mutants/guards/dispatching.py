"""Guards of the tick and the queue: how much is claimed, what is sent when, and in which form."""

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
        "tick_reclaims_nothing",
        "I6: a crashed task is reclaimed within its lease and two ticks.",
        "self._reclaim.run(str(uuid4()), budget)",
        "0",
        "test_a_task_whose_runner_died_goes_on",
        guard="tick-reclaims",
    ),
    TICK(
        "tick_resends_nothing",
        "I6: a task whose message was lost is sent again.",
        "self._drain(self._store.resend_expired, budget)",
        "(0, 0)",
        "test_a_lost_message_is_sent_again_with_the_same_fence",
        guard="tick-resends",
    ),
    TICK(
        "tick_claims_beyond_the_capacity",
        "No more tasks are in flight than MAX_QUEUED_TASKS.",
        "min(limit, capacity)",
        "limit",
        "tests/unit/services/test_dispatch.py::test_a_tick_claims_as_much_as_the_queue_capacity_allows",
        guard="claim-capacity",
    ),
    TICK(
        "tick_forgets_what_it_claimed",
        "Claimed tasks use up queue capacity.",
        "capacity -= len(pointers)",
        "pass",
        "tests/unit/services/test_dispatch.py::test_a_tick_claims_as_much_as_the_queue_capacity_allows",
        guard="claimed-uses-capacity",
    ),
    TICK(
        "tick_claims_for_a_dead_queue",
        "An unavailable queue stops the claims: more would only wait for a lease.",
        "if len(pointers) < _CHUNK or accepted < len(pointers):",
        "if len(pointers) < _CHUNK:",
        "tests/unit/services/test_dispatch.py::test_claims_stop_at_a_queue_that_is_down",
        guard="unavailable-queue-stops-claims",
    ),
    TICK(
        "tick_without_end",
        "A tick ends before its function's timeout.",
        "while not budget.over:",
        "while True:",
        "tests/unit/services/test_dispatch.py::test_claims_stop_when_time_is_over",
        guard="tick-ends-in-time",
    ),
    RECLAIM(
        "one_bad_plan_spoils_the_reclaim",
        "I6: a task that cannot be planned prevents no other from being reclaimed.",
        "except Exception as error:",
        "except ZeroDivisionError as error:",
        "test_what_cannot_be_planned_keeps_no_other",
        guard="unplannable-keeps-no-other",
    ),
    RECLAIM(
        "reclaim_sends_nothing",
        "I6: what a reclaim queues is sent.",
        "self._send(commit.to_send)",
        "pass",
        "test_what_cannot_be_planned_keeps_no_other",
        guard="reclaimed-is-sent",
    ),
    RECLAIM(
        "reclaim_without_end",
        "A reclaim ends before the tick's function does.",
        "while not budget.over:",
        "while True:",
        "test_time_bounds_it",
        guard="reclaim-ends-in-time",
    ),
    QUEUE(
        "dead_queue_is_called_for_every_batch",
        "An unavailable queue costs two calls, not a timeout per batch.",
        "if failures == _GIVE_UP_AFTER:",
        "if False:",
        "test_a_queue_that_is_down_costs_two_calls",
        guard="dead-queue-costs-two-calls",
    ),
    QUEUE(
        "queue_error_ends_the_work",
        "I6: a queue error ends nothing: the row is the outbox.",
        "except (BotoCoreError, ClientError):",
        "except ZeroDivisionError:",
        "test_a_missing_queue_is_no_exception",
        guard="queue-error-ends-nothing",
    ),
    QUEUE(
        "refused_message_counts_as_sent",
        "Only accepted messages count.",
        'len(answer.get("Successful", []))',
        "len(entries)",
        "test_a_refused_message_leaves_the_others",
        guard="accepted-counts",
    ),
    MESSAGE(
        "message_of_another_version",
        "A message of an unknown version is left to code that knows it.",
        'if document["v"] != VERSION:',
        "if False:",
        "test_a_message_of_another_version_is_left",
        guard="message-version",
    ),
)
