"""The contract of the port ActionsService, over HTTP with a server that misbehaves."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flamebot.adapters.actions_api.client import ActionsApi
from flamebot.domain.errors import (
    OutcomeUnknown,
    ServiceDenied,
    ServiceError,
    ServiceRefused,
    ServiceThrottled,
)
from flamebot.domain.task import EffectRequest
from flamebot.ports.actions_service import Job
from tests.contracts.endpoints import free_port
from tests.contracts.misbehaving import (
    Misbehaving,
    Script,
    answer,
    endless,
    misbehaving,
    raw,
    reset,
    silent,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
REQUEST = EffectRequest(
    method="PUT",
    path="/accounts/{accountId}/prompt",
    body={"text": "Hello \u00e9", "question": "?"},
)
SECRETS = ("planted-token", "planted-credential", "planted-answer")


@contextmanager
def service(*scripts: Script, timeout: float = 5) -> Iterator[tuple[ActionsApi, Misbehaving]]:
    """Run a client of a server that follows scripts."""
    with misbehaving(*scripts) as server:
        api = ActionsApi(
            server.url,
            lambda: "planted-token",
            timeout=timedelta(seconds=timeout),
            wall=lambda: NOW,
        )
        try:
            yield api, server
        finally:
            api.close()


def submit(api: ActionsApi) -> str:
    """Send the write that most tests use."""
    return api.submit("acct-1", REQUEST, key="i-1:4", fencing_token=17)


def test_a_write_carries_key_fence_and_token() -> None:
    """A write has Idempotency-Key, fencing token and bearer token, and returns the job's id."""
    with service(answer(202, {"taskId": "t-1"})) as (api, server):
        assert submit(api) == "t-1"
    (request,) = server.requests
    assert (request.method, request.target) == ("PUT", "/accounts/acct-1/prompt")
    assert request.headers["idempotency-key"] == "i-1:4"
    assert request.headers["x-fencing-token"] == "17"
    assert request.headers["authorization"] == "Bearer planted-token"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == REQUEST.body


def test_a_resend_is_byte_identical() -> None:
    """I5: a request has the same bytes, in whatever order its body was stored."""
    turned = EffectRequest(
        method="PUT", path=REQUEST.path, body=dict(reversed(REQUEST.body.items()))
    )
    with service(answer(202, {"taskId": "t-1"})) as (api, server):
        submit(api)
        api.submit("acct-1", turned, key="i-1:4", fencing_token=18)
    first, second = server.requests
    assert first.body == second.body == '{"question":"?","text":"Hello \u00e9"}'.encode()


def test_registration_sends_the_body_and_returns_the_status() -> None:
    """A registration sends the complete body and returns the account's status."""
    body = {
        "modelId": "m",
        "channelId": "c",
        "credentials": {"token": "planted-credential"},
        "config": {},
    }
    with service(answer(200, {"id": "acct-1", "status": "suspended"})) as (api, server):
        assert api.register("acct-1", body, key="acct-1:3", fencing_token=1) == "suspended"
    (request,) = server.requests
    assert (request.method, request.target, json.loads(request.body)) == (
        "PUT",
        "/accounts/acct-1",
        body,
    )
    assert request.headers["idempotency-key"] == "acct-1:3"


@pytest.mark.parametrize(
    ("account", "target"),
    [
        ("a/b", "/accounts/a%2Fb"),
        ("..", "/accounts/%2E%2E"),
        (".", "/accounts/%2E"),
        ("a?b#c%2F", "/accounts/a%3Fb%23c%252F"),
        ("\u00e9 \n", "/accounts/%C3%A9%20%0A"),
        ("{accountId}", "/accounts/%7BaccountId%7D"),
    ],
)
def test_an_id_stays_one_segment(account: str, target: str) -> None:
    """No id becomes another path, a query or a header."""
    with service(answer(200, {"id": "x", "status": "active"})) as (api, server):
        assert api.account_status(account) == "active"
        api.register(account, {}, key=f"{account}:1", fencing_token=1)
    assert [request.target for request in server.requests] == [target, target]
    assert server.requests[1].headers["idempotency-key"].isascii()


def test_what_the_service_does_not_know_is_none() -> None:
    """404 for an account, a job or a cancel is None, and so is an empty look-up."""
    with service(answer(404, {"title": "no"})) as (api, _):
        assert (api.account_status("a"), api.job("t"), api.cancel("t")) == (None, None, None)
    with service(answer(200, {"items": []})) as (api, _):
        assert api.find("i-1:4") is None


def test_jobs_are_read() -> None:
    """Look-up, poll and cancel return a job's status, result and error."""
    task = {
        "taskId": "t-1",
        "status": "failed",
        "result": {"performed": 3},
        "error": "no more profiles",
        "progress": 0.5,
    }
    expected = Job(job_id="t-1", status="failed", result={"performed": 3}, error="no more profiles")
    with service(answer(200, {"items": [task]}), answer(200, task)) as (api, server):
        assert [api.find("i-1:4 &x"), api.job("t-1"), api.cancel("t-1")] == [expected] * 3
    assert [(r.method, r.target) for r in server.requests] == [
        ("GET", "/tasks?idempotencyKey=i-1%3A4+%26x"),
        ("GET", "/tasks/t-1"),
        ("POST", "/tasks/t-1/cancel"),
    ]
    assert not any("idempotency-key" in request.headers for request in server.requests)


def test_what_postgres_cannot_store_is_replaced() -> None:
    """NUL and halves of surrogate pairs are replaced: a commit with them would always fail."""
    body = (
        b'{"taskId": "t-1", "status": "succeeded",'
        b' "result": {"a\\u0000": ["\\ud800x", 1]}, "error": "\\u0000"}'
    )
    with service(answer(200, body)) as (api, _):
        job = api.job("t-1")
    assert job == Job(
        job_id="t-1", status="succeeded", result={"a\ufffd": ["?x", 1]}, error="\ufffd"
    )


def test_throttling_keeps_the_services_retry_after() -> None:
    """429 is `ServiceThrottled` with the service's Retry-After."""
    with (
        service(answer(429, {}, Retry_After="7")) as (api, _),
        pytest.raises(ServiceThrottled) as caught,
    ):
        submit(api)
    assert caught.value.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_a_server_error_leaves_the_outcome_unknown(status: int) -> None:
    """A 5xx, 503 included, may be sent after the work was done."""
    with (
        service(answer(status, {}, Retry_After="9")) as (api, server),
        pytest.raises(OutcomeUnknown, match=str(status)) as caught,
    ):
        submit(api)
    assert caught.value.retry_after == timedelta(seconds=9)
    assert len(server.requests) == 1, "the client never retries by itself"


def test_a_proxy_in_the_environment_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the environment sends credentials to a proxy."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    with service(answer(202, {"taskId": "t-1"})) as (api, _):
        assert submit(api) == "t-1"


@pytest.mark.parametrize(
    "script",
    [
        answer(202, b""),
        answer(202, b"<html>"),
        answer(202, b"[" * 200_000),
        answer(202, b'{"a":' * 100_000),
        answer(202, b"[]"),
        answer(202, {}),
        answer(204, b""),
        answer(202, {"taskId": True}),
        answer(202, {"taskId": 5.5}),
        answer(202, {"taskId": ""}),
        answer(202, {"taskId": "x" * 201}),
        answer(202, {"taskId": "a\r\nb"}),
        answer(202, b'{"taskId": "t", "n": NaN}'),
        answer(202, b'{"taskId": "t", "n": 1e999}'),
        answer(202, b'{"taskId": "t", "n": ' + b"9" * 10_000 + b"}"),
        answer(202, b'{"taskId": "\xff"}'),
        answer(202, b'{"taskId": "t", "pad": "' + b"x" * (1 << 20) + b'"}'),
        raw(b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n{"),
        raw(b"HTTP/1.1 202 Accepted\r\nContent-Length: ten\r\n\r\n{}"),
        raw(b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        raw(b"SSH-2.0-OpenSSH_9\r\n"),
        raw(b""),
        reset,
    ],
)
def test_an_unreadable_response_leaves_the_outcome_unknown(script: Script) -> None:
    """Any unreadable response to a write is `OutcomeUnknown`."""
    with service(script) as (api, _), pytest.raises(OutcomeUnknown):
        submit(api)


@pytest.mark.parametrize(
    "task",
    [
        {"taskId": "t", "status": "done"},
        {"taskId": "t"},
        {"status": "running"},
        {"taskId": "t", "status": "succeeded", "result": [1]},
        {"taskId": "t", "status": ["running"]},
    ],
)
def test_a_task_of_another_shape_is_unreadable(task: dict[str, Any]) -> None:
    """A response to a poll or look-up that is not a task is `OutcomeUnknown`."""
    with service(answer(200, task)) as (api, _), pytest.raises(OutcomeUnknown):
        api.job("t")
    with service(answer(200, {"items": [task]})) as (api, _), pytest.raises(OutcomeUnknown):
        api.find("k")
    with service(answer(200, {"items": [None]})) as (api, _), pytest.raises(OutcomeUnknown):
        api.find("k")


HEAD = b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000000\r\n\r\n"


@pytest.mark.parametrize(
    "script",
    [
        silent,
        endless(iter([HEAD, *[b" "] * 1000]), 0.05),
        endless(
            itertools.chain([b"HTTP/1.1 202 Accepted\r\nX-Long: "], itertools.repeat(b"x")), 0.05
        ),
        endless(itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n"), 0.05),
        endless(
            itertools.chain(
                [b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n"],
                itertools.repeat(b"1\r\nx\r\n"),
            ),
            0.05,
        ),
    ],
    ids=["silent", "slow body", "slow headers", "endless continue", "slow chunks"],
)
def test_a_call_ends_at_its_deadline(script: Script) -> None:
    """A server that sends nothing, or a byte now and then, cannot extend a call."""
    with service(script, timeout=0.5) as (api, _):
        began = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            submit(api)
        assert time.monotonic() - began < 1.0


def test_an_endless_response_is_cut_off() -> None:
    """A response without an end is abandoned at 1 MiB, long before the deadline."""
    flood = endless(
        itertools.chain([b"HTTP/1.1 200 OK\r\n\r\n"], itertools.repeat(b"x" * 65536)), 0
    )
    with service(flood, timeout=20) as (api, _):
        began = time.monotonic()
        with pytest.raises(OutcomeUnknown, match="1 MiB"):
            api.job("t")
        assert time.monotonic() - began < 5


def test_a_refusal_with_an_endless_text_is_still_a_refusal() -> None:
    """At most 16 KiB of a refusal's body are read, and the call ends at its deadline."""
    flood = endless(itertools.chain([b"HTTP/1.1 422 No\r\n\r\n"], itertools.repeat(b"x")), 0.05)
    with service(flood, timeout=1) as (api, _), pytest.raises(ServiceRefused):
        submit(api)


def test_a_refused_connection_leaves_the_outcome_unknown() -> None:
    """A refused connection is an unknown outcome like any other lost call."""
    api = ActionsApi(f"http://127.0.0.1:{free_port()}", lambda: "t", timeout=timedelta(seconds=2))
    with pytest.raises(OutcomeUnknown):
        submit(api)


def test_a_connection_that_died_meanwhile_is_not_used_again() -> None:
    """After the server closed an idle connection, the next call opens another one."""
    kept = raw(b'HTTP/1.1 202 Accepted\r\nContent-Length: 15\r\n\r\n{"taskId": "t"}')
    with service(kept) as (api, server):
        assert submit(api) == "t"
        time.sleep(0.1)
        assert submit(api) == "t"
    assert len(server.requests) == 2


def _broken_token() -> str:
    raise RuntimeError("planted-token")


@pytest.mark.parametrize(
    "token", [_broken_token, lambda: "planted-token\r\nX: y", lambda: "planted-token-\u00e9"]
)
def test_an_unusable_token_is_not_shown(token: Callable[[], str]) -> None:
    """Without a usable token nothing is sent, and the error does not show the token.

    It is the operator's fault, like a 401: the step waits and does not fail.
    """
    with misbehaving(answer(200, {})) as server:
        api = ActionsApi(server.url, token, timeout=timedelta(seconds=2))
        with pytest.raises(ServiceDenied) as caught:
            submit(api)
    assert server.requests == []
    assert "planted" not in repr(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    "script",
    [
        answer(422, b"planted-answer"),
        answer(500, b"planted-answer"),
        answer(200, b"planted-answer"),
        reset,
        silent,
    ],
)
def test_errors_show_neither_request_nor_response(script: Script) -> None:
    """I10: no exception's text holds a body, a credential, a token or a response."""
    with service(script, timeout=0.5) as (api, _), pytest.raises(ServiceError) as caught:
        api.register(
            "acct-1",
            {"credentials": {"token": "planted-credential"}},
            key="acct-1:3",
            fencing_token=1,
        )
    shown = repr(caught.value) + str(caught.value.__cause__)
    assert not any(secret in shown for secret in SECRETS)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("address", ["", "127.0.0.1:80", "ftp://host", "http://"])
def test_an_invalid_base_url_is_refused_at_once(address: str) -> None:
    """A wrong ACTIONS_BASE_URL raises an error when the function starts."""
    with pytest.raises(ValueError, match="ACTIONS_BASE_URL"):
        ActionsApi(address, lambda: "t", timeout=timedelta(seconds=1))
