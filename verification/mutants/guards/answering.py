"""Guards of the wire to the actions service: what every write carries, and how an answer is read."""

from __future__ import annotations

from verification.mutants.mutant import Place

_SERVICES = "layers/engine/src/flamebot/services/"
_UNIT = "tests/unit/services/"
REGISTER = Place(f"{_SERVICES}stepping/phases/register.py", f"{_UNIT}test_register_account.py")
CLIENT = Place(
    "layers/engine/src/flamebot/adapters/actions_api/client.py",
    "tests/contracts/test_actions_service.py",
)
ANSWERS = Place(
    "layers/engine/src/flamebot/adapters/actions_api/answers.py",
    "tests/contracts/test_actions_service.py",
)

MUTANTS = (
    REGISTER(
        "registration_under_one_key",
        "I5: each version is registered under a key of its own.",
        'key=f"{account_id}:{version}"',
        "key=account_id",
        "test_body_and_key_are_those_of_the_version",
    ),
    REGISTER(
        "registration_without_its_fence",
        "I4: the service is told the fence under which an account is registered.",
        "fencing_token=fence)",
        "fencing_token=0)",
        "test_body_and_key_are_those_of_the_version",
    ),
    REGISTER(
        "registration_is_not_remembered",
        "An account is registered once per version.",
        "        self._store.mark_registered(account_id, version)\n",
        "",
        "test_body_and_key_are_those_of_the_version",
    ),
    REGISTER(
        "registration_repeats_the_services_words",
        "I10: what the service says of a registration may repeat the credentials.",
        "        except ServiceRefused:\n            raise RegistrationRefused from None\n",
        "        except ServiceRefused:\n            raise\n",
        "test_the_services_words_are_kept_back",
    ),
    CLIENT(
        "body_in_any_order",
        "I5: requests under one key are byte-identical, whatever order they were stored in.",
        "return json.dumps(body, sort_keys=True, separators",
        "return json.dumps(body, separators",
        "test_a_resend_is_byte_identical",
    ),
    CLIENT(
        "write_without_a_key",
        "I5: every write carries its key.",
        '            headers["Idempotency-Key"] = quote(key, safe=_PRINTABLE)\n',
        "            pass\n",
        "test_a_write_carries_key_fence_and_token",
    ),
    CLIENT(
        "write_without_a_fencing_token",
        "I4: every write carries its fence.",
        '            headers["X-Fencing-Token"] = str(fencing_token)\n',
        "            pass\n",
        "test_a_write_carries_key_fence_and_token",
    ),
    CLIENT(
        "throttling_is_a_refusal",
        "I8: 429 is no refusal.",
        "        if status == 429:\n",
        "        if status == 430:\n",
        "test_throttling_keeps_the_services_patience",
    ),
    CLIENT(
        "server_error_is_a_refusal",
        "I5: a 5xx leaves the outcome unknown: it may have happened.",
        "        if 400 <= status < 500:\n",
        "        if 400 <= status < 600:\n",
        "test_a_server_error_leaves_the_outcome_unknown",
    ),
    CLIENT(
        "redirect_is_followed",
        "I5: a redirect would send the write somewhere else, once more.",
        "            follow_redirects=False,\n",
        "            follow_redirects=True,\n",
        "tests/security/test_hostile_service.py::test_no_redirect_is_followed",
    ),
    CLIENT(
        "call_without_a_deadline",
        "I4: a call ends within its time, however slowly bytes come: the lease counts on it.",
        "                self._deadline.within(self._timeout),\n",
        "                self._deadline.within(self._timeout * 100),\n",
        "test_a_call_ends_at_its_deadline",
    ),
    CLIENT(
        "answer_without_end",
        "An endless answer does not fill the memory.",
        "        if len(text) > _LONGEST_ANSWER:\n",
        "        if False:\n",
        "test_an_endless_answer_is_cut_off",
    ),
    CLIENT(
        "silence_is_a_refusal",
        "I5: no answer leaves the outcome unknown.",
        "        except (httpx.HTTPError, httpx.InvalidURL) as error:\n            raise OutcomeUnknown(",
        "        except (httpx.HTTPError, httpx.InvalidURL) as error:\n            raise ServiceRefused(",
        "test_nobody_there_leaves_the_outcome_unknown",
    ),
    ANSWERS(
        "unreadable_is_a_refusal",
        "I5: an answer that cannot be read leaves the outcome unknown: the write was done.",
        'raise OutcomeUnknown(f"The actions service\'s answer cannot be read: {what}.")',
        'raise ServiceRefused(f"The actions service\'s answer cannot be read: {what}.")',
        "test_an_unreadable_answer_leaves_the_outcome_unknown",
        also=(
            (
                "from flamebot.domain.errors import OutcomeUnknown",
                "from flamebot.domain.errors import OutcomeUnknown, ServiceRefused",
            ),
        ),
    ),
    ANSWERS(
        "patience_without_end",
        "I6: whatever the service asks for, a day is the longest.",
        "return min(timedelta(seconds=int(text[:9])), _LONGEST_PATIENCE)",
        "return timedelta(seconds=int(text[:9]))",
        "test_retry_after_is_seconds_or_a_date",
    ),
)
