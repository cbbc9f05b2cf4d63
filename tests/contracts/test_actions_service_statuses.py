"""What the client of the actions service makes of each status, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flamebot.domain.errors import (
    AccountSuspended,
    OutcomeUnknown,
    ServiceConflict,
    ServiceDenied,
    ServiceError,
    ServiceNotReady,
    ServiceRefused,
    ServiceThrottled,
)
from flamebot.ports.actions_service import Job
from tests.contracts.misbehaving import answer, raw
from tests.contracts.test_actions_service import service, submit


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, ServiceRefused) for status in (400, 404, 405, 410, 411, 413, 415, 422, 431)),
        *((status, ServiceDenied) for status in (401, 402, 403, 407)),
        *((status, ServiceNotReady) for status in (421, 423, 425)),
        *((status, OutcomeUnknown) for status in (408, 499)),
        *((status, ServiceThrottled) for status in (420, 429)),
        (409, ServiceConflict),
    ],
)
def test_a_client_error_means_what_its_status_says(status: int, kind: type[ServiceError]) -> None:
    """Only some of the 4xx are a verdict on the request; all keep the service's Retry-After."""
    script = answer(status, {"detail": "planted-answer"}, Retry_After="7")
    with service(script) as (api, _), pytest.raises(ServiceError, match=str(status)) as caught:
        submit(api)
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.retry_after) == (status, timedelta(seconds=7))


@pytest.mark.parametrize("status", [400, 403, 409, 422])
@pytest.mark.parametrize("code", ["account_suspended", "ACCOUNT-SUSPENDED"])
def test_a_suspended_account_is_known_by_the_problems_code(status: int, code: str) -> None:
    """Whatever status comes with it."""
    with (
        service(answer(status, {"code": code})) as (api, _),
        pytest.raises(AccountSuspended),
    ):
        submit(api)


@pytest.mark.parametrize(
    ("body", "headers", "in_progress"),
    [
        ({"code": "in_progress"}, {}, True),
        ({"code": "idempotency_key_in_use"}, {}, True),
        ({"code": "request-in-flight"}, {}, True),
        ({}, {"Retry_After": "3"}, True),
        ({}, {}, False),
        ({"code": "name_taken"}, {}, False),
        ({"code": 5}, {}, False),
        (b"[1]", {}, False),
        (b"<html>", {}, False),
        (b'{"code": "in_progress", "pad": "' + b"x" * 20_000 + b'"}', {}, False),
    ],
)
def test_a_conflict_may_say_that_work_is_in_progress(
    body: Any, headers: dict[str, str], *, in_progress: bool
) -> None:
    """By the problem's code or a Retry-After; a problem of over 16 KiB is not read."""
    with (
        service(answer(409, body, **headers)) as (api, _),
        pytest.raises(ServiceConflict) as caught,
    ):
        submit(api)
    assert caught.value.in_progress == in_progress


def test_a_problems_code_is_shown_only_if_it_can_hold_no_secret() -> None:
    """Letters and underscores are shown to operators, anything else is dropped."""
    for code, shown in (("text_too_long", "422, text_too_long"), ("planted-s3cret", "422.")):
        with (
            service(answer(422, {"code": code, "detail": "planted"})) as (api, _),
            pytest.raises(ServiceRefused) as caught,
        ):
            submit(api)
        assert shown in caught.value.detail
        assert "planted" not in caught.value.detail


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Text Too Long", "422 Text Too Long, no_text"),
        ("Unprocessable Entity.", "422 Unprocessable Entity, no_text"),
        ("planted-s3cret", "422, no_text"),
        ("planted@example.com", "422, no_text"),
        ("call 0170 1234567", "422, no_text"),
        ("planted " * 20, "422, no_text"),
        ({"planted": "x"}, "422, no_text"),
    ],
)
def test_a_problems_title_is_shown_only_if_it_can_hold_no_secret(title: Any, shown: str) -> None:
    """Letters and blanks, at most 80 of them."""
    problem = {"code": "no_text", "title": title}
    with service(answer(422, problem)) as (api, _), pytest.raises(ServiceRefused) as caught:
        submit(api)
    assert shown in caught.value.detail
    assert "planted" not in caught.value.detail


def test_the_title_of_a_failure_is_shown_too() -> None:
    """Operators see what a 5xx says of itself."""
    problem = {"title": "Maintenance in progress"}
    with service(answer(503, problem)) as (api, _), pytest.raises(OutcomeUnknown) as caught:
        submit(api)
    assert caught.value.detail == (
        "The actions service returned status 503 Maintenance in progress."
    )


def test_the_title_of_a_refused_registration_is_not_shown() -> None:
    """Its request holds the credentials, which a response may repeat."""
    problem = {"title": "planted horse battery"}
    with service(answer(422, problem)) as (api, _), pytest.raises(ServiceRefused) as caught:
        api.register("a", {"password": "planted horse battery"}, key="a:1", fencing_token=1)
    assert "planted" not in caught.value.detail


@pytest.mark.parametrize("status", [404, 410])
def test_a_job_or_account_that_is_gone_is_absent(status: int) -> None:
    """404 and 410 are the responses to a read that say something about its subject."""
    with service(answer(status, {})) as (api, _):
        assert (api.job("t"), api.find("k"), api.cancel("t")) == (None, None, None)
        assert api.account_status("a") is None


@pytest.mark.parametrize("task_id", [5, 5.0])
def test_a_numeric_task_id_is_an_id(task_id: float) -> None:
    """Many services count their tasks, some of them in floats."""
    with service(answer(202, {"taskId": task_id})) as (api, _):
        assert submit(api) == "5"
    with service(answer(200, {"taskId": task_id, "status": "running"})) as (api, _):
        assert api.job("5") == Job(job_id="5", status="running")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", timedelta()),
        ("120", timedelta(seconds=120)),
        ("Sun, 01 Mar 2026 12:01:30 GMT", timedelta(seconds=90)),
        ("Sun, 01 Mar 2026 11:00:00 GMT", timedelta()),
        ("999999999", timedelta(days=1)),
        ("99999999999999999999", timedelta(days=1)),
        ("Fri, 01 Jan 2100 00:00:00 GMT", timedelta(days=1)),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("1e9", None),
        ("1.5", timedelta(seconds=1.5)),
        (".5", None),
        ("\u00b2", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, expected: timedelta | None) -> None:
    """Both forms are read, from zero to a day; anything else is ignored."""
    script = raw(
        f"HTTP/1.1 503 No\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")
    )
    with service(script) as (api, _), pytest.raises(OutcomeUnknown) as caught:
        submit(api)
    assert caught.value.retry_after == expected
