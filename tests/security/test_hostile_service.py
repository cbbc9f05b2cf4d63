"""Control: a lying actions service costs bounded time and memory and redirects nothing."""

from __future__ import annotations

import gzip
import itertools
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from flamebot.adapters.actions_api.client import ActionsApi
from flamebot.domain.errors import ServiceError
from flamebot.domain.task import EffectRequest
from tests.contracts.misbehaving import Misbehaving, Script, answer, endless, misbehaving, raw
from tests.integration.services.engine import SECRET, Engine, swipe
from tests.security.watching import connections, memory

Call = Callable[[ActionsApi], Any]
WRITE = EffectRequest(method="PUT", path="/accounts/{accountId}/prompt", body={"text": "A walk"})
CALLS: dict[str, Call] = {
    "register": lambda api: api.register(
        "acct", {"credentials": {"token": "planted"}}, key="acct:1", fencing_token=1
    ),
    "account_status": lambda api: api.account_status("acct"),
    "submit": lambda api: api.submit("acct", WRITE, key="i:1", fencing_token=1),
    "find": lambda api: api.find("i:1"),
    "job": lambda api: api.job("t-1"),
    "cancel": lambda api: api.cancel("t-1"),
}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
GOOD = b'"id": "acct", "status": "active", "taskId": "t-1", "items": []'


def with_body(body: bytes, **headers: str) -> Script:
    """Return a well-formed response with an odd body."""
    return answer(200, body, Content_Type="application/json", **headers)


FLOODS: dict[str, Script] = {
    "endless body": endless(itertools.chain([HEAD + b"\r\n{"], itertools.repeat(b" " * 65536)), 0),
    "endless chunks": endless(
        itertools.chain(
            [HEAD, b"Transfer-Encoding: chunked\r\n\r\n"],
            itertools.repeat(b"8000\r\n" + b" " * 0x8000 + b"\r\n"),
        ),
        0,
    ),
    "endless headers": endless(
        itertools.chain([HEAD], (b"X-%d: %s\r\n" % (n, b"x" * 1000) for n in itertools.count())), 0
    ),
    "endless header": endless(itertools.chain([HEAD, b"X: "], itertools.repeat(b"x" * 65536)), 0),
    "endless chunk size": endless(
        itertools.chain(
            [HEAD, b"Transfer-Encoding: chunked\r\n\r\n"], itertools.repeat(b"0" * 65536)
        ),
        0,
    ),
    "gzip bomb": with_body(gzip.compress(b" " * (100 << 20)), Content_Encoding="gzip"),
    "deflate that is none": with_body(b"\x78\x9c", Content_Encoding="deflate"),
    "a byte now and then": endless(
        itertools.chain([HEAD, b"Content-Length: 100000\r\n\r\n"], itertools.repeat(b" ")), 0.05
    ),
    "informational without end": endless(
        itertools.repeat(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"), 0.001
    ),
}
NONSENSE: dict[str, Script] = {
    "deep list": with_body(b'{"x":' + b"[" * 100_000),
    "deep object": with_body(b'{"a":' * 100_000),
    "deep and closed": with_body(b"{" + GOOD + b', "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
    "a name twice": with_body(b"{" + GOOD + b', "status": "suspended"}'),
    "a name twice, deep": with_body(b"{" + GOOD + b', "result": {"a": {"b": 1, "b": 2}}}'),
    "not a number": with_body(b"{" + GOOD + b', "n": NaN}'),
    "infinite": with_body(b"{" + GOOD + b', "n": -Infinity}'),
    "too large a number": with_body(b"{" + GOOD + b', "n": 1e999}'),
    "too long a number": with_body(b"{" + GOOD + b', "n": ' + b"9" * 5000 + b"}"),
    "no UTF-8": with_body(b'{"id": "\xff\xfe"}'),
    "latin-1": with_body('{"id": "\u00e4"}'.encode("latin-1"), X_Charset="latin-1"),
    "two documents": with_body(b"{}{}"),
    "a script": with_body(b"<script>alert(1)</script>"),
    "a raw NUL": with_body(b'{"id": "\x00"}'),
    "header in a header": raw(b"HTTP/1.1 200 OK\r\nX: a\rContent-Length: 2\r\n\r\n{}"),
    "a NUL in a header": raw(b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 2\r\n\r\n{}"),
    "two lengths": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 7\r\n\r\n{}"),
    "length and chunks": raw(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: gzip, chunked\r\n\r\n{}"
    ),
    "a negative length": raw(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}"),
    "status 99": raw(b"HTTP/1.1 99 Odd\r\nContent-Length: 2\r\n\r\n{}"),
    "status 999": raw(b"HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\n{}"),
    "another protocol": raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"),
    "HTTP/0.9": raw(b"{%s}" % GOOD),
    "empty": raw(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "cut off": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"),
}


def call(server: Misbehaving, made: Call, timeout: float = 3) -> None:
    """Make a call that must fail with one of the port's errors, within its time."""
    api = ActionsApi(server.url, lambda: "planted-token", timeout=timedelta(seconds=timeout))
    began = time.monotonic()
    try:
        with pytest.raises(ServiceError) as caught:
            made(api)
    finally:
        api.close()
    assert time.monotonic() - began < timeout + 2
    assert "planted" not in repr(caught.value)


@pytest.mark.parametrize("script", FLOODS.values(), ids=FLOODS)
def test_a_flood_ends_at_its_deadline_and_in_little_memory(script: Script) -> None:
    """S24: an endless or expanding response is a typed failure in time, within a few megabytes."""
    with misbehaving(script) as server, memory() as peak:
        call(server, CALLS["submit"], timeout=1)
    assert peak.bytes < 16 << 20


@pytest.mark.parametrize("script", NONSENSE.values(), ids=NONSENSE)
@pytest.mark.parametrize("made", CALLS.values(), ids=CALLS)
def test_nonsense_is_a_typed_failure_of_every_call(made: Call, script: Script) -> None:
    """S24: every malformed response is a typed failure of every call."""
    with misbehaving(script) as server, connections() as seen:
        call(server, made)
    assert seen == {("127.0.0.1", int(server.url.rpartition(":")[2]))}


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
@pytest.mark.parametrize("made", CALLS.values(), ids=CALLS)
def test_no_redirect_is_followed(made: Call, status: int) -> None:
    """S24: no redirect is followed.

    Neither another port nor the metadata address sees a connection.
    """
    with misbehaving(answer(200, b"{%s}" % GOOD)) as elsewhere:
        targets = (
            elsewhere.url,
            "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
            f"//127.0.0.1:{elsewhere.url.rpartition(':')[2]}/x",
            "http://[::1]:1/",
            "file:///etc/passwd",
            "gopher://127.0.0.1:1/_x",
            "/accounts/victim",
        )
        for target in targets:
            headers = {
                "Location": target,
                "Refresh": f"0; url={target}",
                "Content_Location": target,
                "Link": f"<{target}>; rel=next",
            }
            with (
                misbehaving(answer(status, b"{%s}" % GOOD, **headers)) as server,
                connections() as seen,
            ):
                call(server, made)
                assert len(server.requests) == 1
            assert seen == {("127.0.0.1", int(server.url.rpartition(":")[2]))}
        assert elsewhere.requests == []


WORDS = (
    "'; drop table accounts; -- <script>alert(1)</script> \x1b[31m\r\n"
    'level=ERROR {"message": "forged"} ${jndi:ldap://x} %s %n \u202e'
)


def lying(engine: Engine, server: Misbehaving) -> Callable[[Any], None]:
    """A service that does its work and puts attacks into every text of its responses."""

    def run(connection: Any) -> None:
        request = server.requests[-1]
        path = request.target
        if request.method == "GET" and path.startswith("/tasks/"):
            document: Any = {
                "taskId": path.rpartition("/")[2],
                "status": "failed",
                "error": WORDS,
                "result": {WORDS: WORDS},
                WORDS: [WORDS],
            }
        elif "swipe-tasks" in path:
            document = {"taskId": "../../accounts/victim?x=1#y", WORDS: WORDS}
        else:
            document = {
                "id": WORDS,
                "status": "active",
                "config": {"url": "http://169.254.169.254/"},
            }
        safe = json.dumps(document).encode()
        answer(
            200,
            safe,
            Set_Cookie="session=stolen",
            X_Words=WORDS.encode("ascii", "ignore")
            .decode()
            .replace("\r\n", " ")
            .replace("\x1b", ""),
        )(connection)

    return run


def test_what_it_says_stays_text(engine: Engine, aws_endpoint: str) -> None:
    """S25: SQL, markup, terminal codes and log lines in responses stay text."""
    engine.define(swipe(maxAttempts=1))
    with misbehaving(answer(500)) as server, connections() as seen:
        server.scripts[:] = [lying(engine, server)]
        step = engine.step(
            wrap=lambda name, port: (
                ActionsApi(server.url, lambda: "t", timeout=timedelta(seconds=2))
                if name == "service"
                else port
            )
        )
        instance = engine.start()
        engine.drive(engine.ended(instance), runner=step)
        requests = list(server.requests)
        ports = {int(url.rpartition(":")[2]) for url in (server.url, aws_endpoint)}
    row = engine.database.one(
        "select status, last_error from workflow_instances where id = %s", (instance,)
    )
    assert row["status"] == "failed"
    assert row["last_error"].startswith("job_failed: '; drop table accounts; --")
    assert row["last_error"].isprintable()
    assert engine.database.value("select count(*) from accounts") == 1
    polls = [request.target for request in requests if request.target.startswith("/tasks/")]
    assert set(polls) == {"/tasks/..%2F..%2Faccounts%2Fvictim%3Fx%3D1%23y"}, (
        "an id from outside is one segment of a path"
    )
    assert not any("cookie" in request.headers for request in requests)
    assert not any(
        SECRET.encode() in request.body
        for request in requests
        if "credentials" not in request.body.decode()
    )
    assert {port for _, port in seen} <= ports


@pytest.mark.parametrize(
    "script",
    [FLOODS["endless body"], FLOODS["gzip bomb"], NONSENSE["a name twice"], NONSENSE["cut off"]],
)
def test_after_nonsense_the_workflow_goes_on(engine: Engine, script: Script) -> None:
    """I5, I6: once the service is honest again, the same key is looked up.

    One effect, nothing lost.
    """
    engine.define(swipe())
    with misbehaving(script) as server:
        hostile = engine.step(
            wrap=lambda name, port: (
                ActionsApi(server.url, lambda: "t", timeout=timedelta(seconds=1))
                if name == "service"
                else port
            )
        )
        instance = engine.start()
        engine.tick()
        engine.deliver(*engine.queue.take(), runner=hostile)
    (waiting,) = [task for task in engine.tasks(instance) if task["is_live"]]
    assert waiting["error"].startswith("outcome_unknown: ")
    engine.drive(engine.ended(instance))
    assert engine.status(instance) == "completed"
    assert engine.effects() == ["startSwipeTask"]
