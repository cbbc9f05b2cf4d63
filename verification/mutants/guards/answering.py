"""Guards of the client of the actions service: what a write carries, how a response is read."""

from __future__ import annotations

from verification.mutants.mutant import Place

_SERVICES = "layers/engine/src/flamebot/services/"
_UNIT = "tests/unit/services/"
REGISTER = Place(f"{_SERVICES}stepping/phases/register.py", f"{_UNIT}test_register_account.py")
CLIENT = Place(
    "layers/engine/src/flamebot/adapters/actions_api/client.py",
    "tests/contracts/test_actions_service.py",
)
STATUSES = Place(
    "layers/engine/src/flamebot/adapters/actions_api/statuses.py",
    "tests/contracts/test_actions_service_statuses.py",
)
WAITS = Place(
    "layers/engine/src/flamebot/domain/retry_after.py",
    "tests/contracts/test_actions_service_statuses.py",
)
WRITER = Place(
    "layers/engine/src/flamebot/adapters/openai_writer/writer.py",
    "tests/contracts/test_openai_writer.py",
)
RESPONSES = Place(
    "layers/engine/src/flamebot/adapters/actions_api/responses.py",
    "tests/contracts/test_actions_service.py",
)

MUTANTS = (
    CLIENT(
        "title_of_a_registration_is_shown",
        "I10: what may repeat credentials is not shown.",
        "None if secret else responses.problem_title(problem)",
        "responses.problem_title(problem)",
        f"{STATUSES.tests}::test_the_title_of_a_refused_registration_is_not_shown",
        guard="secret-request-shows-no-title",
    ),
    RESPONSES(
        "any_title_is_shown",
        "I10: a title that may hold a secret is not shown.",
        "title if _TITLE.fullmatch(title) else None",
        "title or None",
        f"{STATUSES.tests}::test_a_problems_title_is_shown_only_if_it_can_hold_no_secret",
        guard="title-holds-no-secret",
    ),
    REGISTER(
        "registration_under_one_key",
        "I5: each version is registered under its own key.",
        'key=f"{account_id}:{version}"',
        "key=account_id",
        "test_body_and_key_are_those_of_the_version",
        guard="registration-key",
    ),
    REGISTER(
        "registration_without_its_fence",
        "I4: the service receives the fence under which an account is registered.",
        "fencing_token=fence",
        "fencing_token=0",
        "test_body_and_key_are_those_of_the_version",
        guard="registration-fence",
    ),
    REGISTER(
        "registration_is_not_stored",
        "An account is registered once per version.",
        "self._store.mark_registered(account_id, version)",
        "pass",
        "test_body_and_key_are_those_of_the_version",
        guard="registration-is-stored",
    ),
    REGISTER(
        "registration_repeats_the_services_words",
        "I10: the service's text about a registration may repeat the credentials.",
        "raise RegistrationRefused(_registering(error)) from None",
        "raise",
        "test_the_services_words_are_kept_back",
        guard="no-words-of-the-service",
    ),
    CLIENT(
        "body_in_any_order",
        "I5: requests under one key are identical, byte for byte.",
        "sort_keys=True,",
        "sort_keys=False,",
        "test_a_resend_is_byte_identical",
        guard="canonical-body",
    ),
    CLIENT(
        "write_without_a_key",
        "I5: every write carries its key.",
        'headers["Idempotency-Key"] = quote(key, safe=_PRINTABLE)',
        "pass",
        "test_a_write_carries_key_fence_and_token",
        guard="key-header",
    ),
    CLIENT(
        "write_without_a_fencing_token",
        "I4: every write carries its fence.",
        'headers["X-Fencing-Token"] = str(fencing_token)',
        "pass",
        "test_a_write_carries_key_fence_and_token",
        guard="fence-header",
    ),
    STATUSES(
        "suspension_by_code_is_missed",
        "A refusal that names a suspended account stops its workflow.",
        "code == AccountSuspended.code and 400 <= status < 500",
        "False",
        "test_a_suspended_account_is_known_by_the_problems_code",
        guard="suspended-by-code",
    ),
    STATUSES(
        "throttling_is_a_refusal",
        "I8: status 429 is not a refusal.",
        "status in _THROTTLED",
        "False",
        "tests/contracts/test_actions_service.py::test_throttling_keeps_the_services_retry_after",
        guard="throttling",
    ),
    STATUSES(
        "denied_token_is_a_refusal",
        "I8: 401 and 403 are no verdict on the work.",
        "status in _DENIED",
        "False",
        "test_a_client_error_means_what_its_status_says",
        guard="denied-is-no-refusal",
    ),
    STATUSES(
        "service_that_is_not_ready_refuses",
        "I8: 423 and 425 are no verdict on the work.",
        "status in _NOT_READY",
        "False",
        "test_a_client_error_means_what_its_status_says",
        guard="not-ready-is-retried",
    ),
    STATUSES(
        "conflict_is_a_refusal",
        "I5: a 409 may be the response to a repeated write.",
        "status == 409",
        "False",
        "test_a_client_error_means_what_its_status_says",
        guard="conflict-is-no-refusal",
    ),
    CLIENT(
        "problem_without_end",
        "At most 16 KiB of a refusal's body are read.",
        "len(text) > _LONGEST_PROBLEM",
        "False",
        "tests/contracts/test_actions_service_statuses.py::"
        "test_a_conflict_may_say_that_work_is_in_progress",
        guard="longest-problem",
    ),
    STATUSES(
        "server_error_is_a_refusal",
        "I5: a 5xx is an unknown outcome.",
        "400 <= status < 500",
        "400 <= status < 600",
        "tests/contracts/test_actions_service.py::test_a_server_error_leaves_the_outcome_unknown",
        guard="refusal-is-4xx",
    ),
    CLIENT(
        "redirect_is_followed",
        "I5: a redirect would send the write a second time.",
        "follow_redirects=False",
        "follow_redirects=True",
        "tests/security/test_hostile_service.py::test_no_redirect_is_followed",
        guard="no-redirect",
    ),
    CLIENT(
        "call_without_a_deadline",
        "I4: a call ends within its time, on which the leases rely.",
        "within(self._timeout)",
        "within(self._timeout * 100)",
        "test_a_call_ends_at_its_deadline",
        guard="call-deadline",
    ),
    CLIENT(
        "answer_without_end",
        "An endless response does not fill the memory.",
        "len(text) > _LONGEST_RESPONSE",
        "False",
        "test_an_endless_response_is_cut_off",
        guard="longest-response",
    ),
    CLIENT(
        "silence_is_a_refusal",
        "I5: a missing response is an unknown outcome.",
        "OutcomeUnknown(",
        "ServiceDenied(",
        "test_a_refused_connection_leaves_the_outcome_unknown",
        guard="silence-is-unknown",
    ),
    RESPONSES(
        "unreadable_is_a_refusal",
        "I5: a response that cannot be read is an unknown outcome.",
        "raise ResponseUnreadable(",
        "raise ServiceRefused(",
        "test_an_unreadable_response_leaves_the_outcome_unknown",
        guard="unreadable-is-unknown",
        also=(
            (
                "from flamebot.domain.errors import ResponseUnreadable",
                "from flamebot.domain.errors import ServiceRefused",
            ),
        ),
    ),
    WRITER(
        "overloaded_writer_is_an_attempt",
        "I8: a rate limit of the AI service is no verdict on the text.",
        "status in _OVERLOADED",
        "False",
        "test_what_says_nothing_about_the_text_is_no_attempt",
        guard="overloaded-writer-is-no-attempt",
    ),
    WRITER(
        "denied_writer_is_an_attempt",
        "I8: a wrong key of the AI service is no verdict on the text.",
        "status in _DENIED",
        "False",
        "test_what_says_nothing_about_the_text_is_no_attempt",
        guard="denied-writer-is-no-attempt",
    ),
    WAITS(
        "wait_without_end",
        "I6: no Retry-After is longer than a day.",
        "min(timedelta(seconds=float(text)), _LONGEST)",
        "timedelta(seconds=float(text))",
        "test_retry_after_is_seconds_or_a_date",
        guard="longest-wait",
    ),
)
