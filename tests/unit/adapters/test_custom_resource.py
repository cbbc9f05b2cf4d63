"""CloudFormation gets a response in any case, and no other receiver does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from flamebot.adapters.cloudformation.custom_resource import ResponseUrlRefused, put, serve
from flamebot.domain.errors import FlamebotError

EVENTS = Path(__file__).resolve().parents[3] / "events" / "migrate"
SECRET = "hunter2-is-not-for-logs"


class Bucket:
    """Records the responses that are sent."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, dict[str, Any]]] = []

    def put(self, url: str, body: bytes) -> None:
        self.answers.append((url, json.loads(body)))


class Refused(FlamebotError):
    """The schema of the database is not that of the migrations."""

    code = "refused"


class DatabaseComplaint(Exception):
    """An error with the attributes of the database client's."""

    def __init__(self, pgcode: str) -> None:
        super().__init__(f"connection to postgres://owner:{SECRET}@db failed")
        self.pgcode = pgcode
        self.diag = type(
            "Diagnostics", (), {"message_primary": 'relation "accounts" does not exist'}
        )()


def _event(name: str, **changes: object) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return {**event, **changes}


@contextmanager
def _listening(status: int) -> Iterator[tuple[str, list[tuple[str, str, dict[str, str], bytes]]]]:
    """Run a server on loopback; return its URL and the requests it received."""
    requests: list[tuple[str, str, dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            requests.append(
                (self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            )
            self.send_response(status)
            self.send_header("location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Write no log of requests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _never() -> Mapping[str, Any]:
    raise AssertionError("this must not run")


@pytest.mark.parametrize("name", ["create", "update"])
def test_a_create_and_an_update_do_the_work_and_say_so(name: str) -> None:
    """CloudFormation gets SUCCESS, the data of the work and the ids of its request."""
    bucket, event = Bucket(), _event(name)
    serve(event, lambda: {"migrations": ["0001_expand_tables"]}, send=bucket.put)
    ((url, answer),) = bucket.answers
    assert url == event["ResponseURL"]
    assert answer["Status"] == "SUCCESS"
    assert answer["Data"] == {"migrations": '["0001_expand_tables"]'}
    assert {answer[key] for key in ("StackId", "RequestId", "LogicalResourceId")} == {
        event[key] for key in ("StackId", "RequestId", "LogicalResourceId")
    }


def test_the_physical_id_never_changes() -> None:
    """CloudFormation would delete the resource of a previous id."""
    bucket = Bucket()
    for name in ("create", "update", "delete"):
        serve(_event(name), dict, send=bucket.put)
    assert {answer["PhysicalResourceId"] for _, answer in bucket.answers} == {"flamebot-migration"}


def test_a_delete_changes_nothing_and_succeeds() -> None:
    """Deleting the stack does not change the database."""
    bucket = Bucket()
    assert serve(_event("delete"), _never, send=bucket.put)["Status"] == "SUCCESS"
    assert len(bucket.answers) == 1


def test_an_error_of_the_engine_is_reported_with_its_detail() -> None:
    """The deploy fails, and the stack's events have the reason."""

    def work() -> Mapping[str, Any]:
        raise Refused("0001_expand_tables was changed after it was applied.")

    answer = serve(_event("create"), work, send=Bucket().put)
    assert (answer["Status"], answer["Reason"]) == (
        "FAILED",
        "refused: 0001_expand_tables was changed after it was applied.",
    )


@pytest.mark.parametrize("pgcode", ["08006", "42P01"])
def test_another_error_is_reported_without_its_text(pgcode: str) -> None:
    """The response has kind and SQLSTATE: the text may hold a URL with a password."""

    def work() -> Mapping[str, Any]:
        raise DatabaseComplaint(pgcode)

    answer = serve(_event("create"), work, send=Bucket().put)
    assert answer["Status"] == "FAILED"
    assert SECRET not in json.dumps(answer)
    assert f"SQLSTATE {pgcode}" in answer["Reason"]
    assert ("does not exist" in answer["Reason"]) == pgcode.startswith("42")


def test_a_response_stays_below_the_limit_of_cloudformation() -> None:
    """It has at most four kilobytes, however long the reason is."""

    def work() -> Mapping[str, Any]:
        raise Refused("x" * 10_000)

    assert len(json.dumps(serve(_event("create"), work, send=Bucket().put))) < 4096


@pytest.mark.parametrize(
    "url",
    [
        _event("foreign_answer_address")["ResponseURL"],
        None,
        "",
        "not an address",
        "https://",
        "http://cloudformation-custom-resource-response-euwest1.s3-eu-west-1.amazonaws.com/x",
        "https://cloudformation-custom-resource-response-euwest1.s3-eu-west-1.amazonaws.com.example.com/x",
        "https://cloudformation-custom-resource-response-euwest1.s3-eu-west-1.amazonaws.com:8443/x",
        "https://cloudformation-custom-resource-response-euwest1.s3-eu-west-1.amazonaws.com:port/x",
        "https://cloudformation-custom-resource-response-euwest1.s3-eu-west-1.amazonaws.com@example.com/x",
        "https://user@cloudformation-custom-resource-response-euwest1.s3-eu-west-1.amazonaws.com/x",
        "https://example.com/cloudformation-custom-resource-response-euwest1.s3.amazonaws.com",
        "https://my-own-bucket.s3.eu-west-1.amazonaws.com/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1/x",
        "file:///etc/passwd",
    ],
)
def test_no_event_makes_the_function_send_elsewhere(url: object) -> None:
    """Another URL is refused before anything is done or sent."""
    bucket = Bucket()
    with pytest.raises(ResponseUrlRefused):
        serve(_event("create", ResponseURL=url), _never, send=bucket.put)
    assert bucket.answers == []


@pytest.mark.parametrize(
    "host",
    [
        "cloudformation-custom-resource-response-useast1.s3.amazonaws.com",
        "cloudformation-custom-resource-response-euwest1.s3-eu-west-1.amazonaws.com",
        "cloudformation-custom-resource-response-useast2.s3.us-east-2.amazonaws.com",
        "cloudformation-custom-resource-response-usgovwest1.s3.us-gov-west-1.amazonaws.com",
        "cloudformation-custom-resource-response-cnnorth1.s3.cn-north-1.amazonaws.com.cn",
    ],
)
def test_cloudformations_bucket_is_known_in_every_region(host: str) -> None:
    """The presigned URL is accepted with its query in every region."""
    bucket = Bucket()
    url = f"https://{host}/arn%3Aaws%3Acloudformation?X-Amz-Signature=0"
    serve(_event("create", ResponseURL=url), dict, send=bucket.put)
    assert [sent for sent, _ in bucket.answers] == [url]


def test_the_response_is_sent_as_it_was_signed() -> None:
    """The URL was signed for a PUT without a content type."""
    with _listening(200) as (address, requests):
        put(f"{address}/answer?X-Amz-Signature=0", b'{"Status": "SUCCESS"}')
    ((method, path, headers, body),) = requests
    assert (method, path, body) == ("PUT", "/answer?X-Amz-Signature=0", b'{"Status": "SUCCESS"}')
    assert "content-type" not in headers


@pytest.mark.parametrize("status", [302, 307, 403, 503])
def test_a_response_that_was_refused_is_an_error(status: int) -> None:
    """A redirect is not followed and a refusal raises an error: Lambda repeats the event."""
    with _listening(status) as (address, requests), pytest.raises(httpx.HTTPStatusError):
        put(address, b"{}")
    assert len(requests) == 1
