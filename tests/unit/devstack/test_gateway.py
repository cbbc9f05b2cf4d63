"""The gateway builds the same event as API Gateway and refuses the same requests."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from devstack.aws.functions import FunctionError, Throttled
from devstack.aws.gateway import LARGEST, Gateway, match_route
from devstack.aws.template import Route
from devstack.loopback import json_answer
from devstack.tokens import Verifier, mint

ROUTES = [
    Route(method="ANY", path="/v1/{proxy+}", authorized=True, function="api"),
    Route(method="POST", path="/v1/accounts/import", authorized=True, function="import_accounts"),
    Route(method="GET", path="/health", authorized=False, function="api"),
    Route(method="GET", path="/v1/workflows/{id}", authorized=True, function="one"),
]


class Functions:
    """Remembers the events, and responds as configured."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.answer: Callable[[], Any] = lambda: {"statusCode": 200, "body": "{}"}

    def invoke(self, name: str, event: dict[str, Any]) -> Any:
        """Record an event and return the response."""
        self.events.append((name, json.loads(json.dumps(event))))
        return self.answer()

    @property
    def last(self) -> dict[str, Any]:
        """The event that was recorded last."""
        return self.events[-1][1]


@pytest.fixture
def functions() -> Functions:
    """What stands behind the gateway."""
    return Functions()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds the token key."""
    return tmp_path_factory.mktemp("gateway")


@pytest.fixture
def gateway(functions: Functions, home: Path) -> Iterator[Gateway]:
    """A gateway on a free port."""
    local = {"/dev/tick": lambda document: json_answer(200, {"got": document})}
    gateway = Gateway(ROUTES, Verifier(home), functions.invoke, local)
    gateway.start()
    yield gateway
    gateway.stop()


@pytest.fixture
def client(gateway: Gateway, home: Path) -> Iterator[httpx.Client]:
    """An HTTP client with a valid token."""
    with httpx.Client(
        base_url=gateway.url,
        headers={"authorization": f"Bearer {mint(home, ['read'])}"},
        trust_env=False,
    ) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "function"),
    [
        ("POST", "/v1/accounts/import", "import_accounts"),
        ("GET", "/v1/accounts/import", "api"),
        ("GET", "/v1/workflows/7", "one"),
        ("GET", "/v1/workflows/7/history", "api"),
        ("GET", "/health", "api"),
        ("POST", "/health", None),
        ("GET", "/v1", None),
        ("GET", "/v1/", None),
        ("GET", "/elsewhere", None),
    ],
)
def test_the_most_specific_route_wins(method: str, path: str, function: str | None) -> None:
    """Fixed parts beat parameters, parameters beat greedy ones, a method beats ANY."""
    found = match_route(ROUTES, method, path)
    assert (found.route.function if found else None) == function


def test_the_event_has_the_shape_of_payload_two(client: httpx.Client, functions: Functions) -> None:
    """Path, query, headers, claims and body stand where Lambda finds them on AWS."""
    client.post(
        "/v1/accounts/import?a=1&a=2&b=%20x",
        content=b'{"x": 1}',
        headers={"Content-Type": "application/json", "cookie": "c=1; d=2"},
    )
    event = functions.last
    assert (event["version"], event["routeKey"]) == ("2.0", "POST /v1/accounts/import")
    assert (event["rawPath"], event["rawQueryString"]) == ("/v1/accounts/import", "a=1&a=2&b=%20x")
    assert event["queryStringParameters"] == {"a": "1,2", "b": " x"}
    assert event["cookies"] == ["c=1", "d=2"]
    assert "cookie" not in event["headers"]
    assert event["headers"]["content-type"] == "application/json"
    assert (event["body"], event["isBase64Encoded"]) == ('{"x": 1}', False)
    context = event["requestContext"]
    assert (context["http"]["method"], context["http"]["path"], context["stage"]) == (
        "POST",
        "/v1/accounts/import",
        "$default",
    )
    claims = context["authorizer"]["jwt"]["claims"]
    assert claims["scope"] == "flamebot/read"
    assert all(isinstance(value, str) for value in claims.values())


def test_a_path_comes_decoded_and_its_query_does_not(
    client: httpx.Client, functions: Functions
) -> None:
    """As on AWS, rawPath and path parameters are decoded."""
    client.get("/v1/workflows/a%20b?x=%2F")
    assert functions.last["rawPath"] == "/v1/workflows/a b"
    assert functions.last["pathParameters"] == {"id": "a b"}
    assert functions.last["rawQueryString"] == "x=%2F"
    client.get("/v1/definitions/x/versions/1")
    assert functions.last["pathParameters"] == {"proxy": "definitions/x/versions/1"}


def test_what_is_no_text_comes_as_base64(client: httpx.Client, functions: Functions) -> None:
    """Bytes that are no text are handed over encoded."""
    for content, kind in ((b"\xff\xfe", "application/json"), (b"abc", "application/octet-stream")):
        client.post("/v1/accounts/import", content=content, headers={"content-type": kind})
        assert functions.last["isBase64Encoded"]
        assert base64.b64decode(functions.last["body"]) == content


def test_open_routes_need_no_token(gateway: Gateway, functions: Functions) -> None:
    """Without a token the open routes answer, the others do not, and nothing reaches a function."""
    assert httpx.get(f"{gateway.url}/health", trust_env=False).status_code == 200
    assert "authorizer" not in functions.last["requestContext"]
    refused = httpx.get(f"{gateway.url}/v1/workflows", trust_env=False)
    assert (refused.status_code, refused.json()) == (401, {"message": "Unauthorized"})
    assert len(functions.events) == 1
    assert httpx.get(f"{gateway.url}/nowhere", trust_env=False).json() == {"message": "Not Found"}


def test_an_unknown_method_is_the_functions_to_refuse(
    client: httpx.Client, functions: Functions
) -> None:
    """No page of the server's own, and no 501.

    Where a route takes any method, its function is called.
    """
    for method in ("TRACE", "QUERY", "BREW"):
        client.request(method, "/v1/x")
        assert functions.last["requestContext"]["http"]["method"] == method
        assert client.request(method, "/elsewhere").json() == {"message": "Not Found"}


def test_answers_are_handed_on(client: httpx.Client, functions: Functions) -> None:
    """Status, headers, cookies and decoded bodies come through; a bare result is a 200."""
    functions.answer = lambda: {
        "statusCode": 418,
        "headers": {"ETag": '"1"'},
        "cookies": ["a=1"],
        "body": base64.b64encode(b"\x00\x01").decode(),
        "isBase64Encoded": True,
    }
    answer = client.get("/v1/x")
    assert (
        answer.status_code,
        answer.headers["etag"],
        answer.headers["set-cookie"],
        answer.content,
    ) == (418, '"1"', "a=1", b"\x00\x01")
    functions.answer = lambda: {"plain": True}
    assert client.get("/v1/x").json() == {"plain": True}
    functions.answer = lambda: {"statusCode": "no number"}
    assert client.get("/v1/x").json() == {"message": "Internal Server Error"}


def test_failures_look_like_the_gateways(client: httpx.Client, functions: Functions) -> None:
    """A function that raises is a 500; one out of time or capacity is a 503."""

    def fail(error: Exception) -> Callable[[], Any]:
        def answer() -> Any:
            raise error

        return answer

    for error, status in (
        (FunctionError({"errorType": "KeyError", "errorMessage": "secret"}), 500),
        (FunctionError({"errorType": "Sandbox.Timedout"}), 503),
        (Throttled("api"), 503),
    ):
        functions.answer = fail(error)
        answer = client.get("/v1/x")
        assert answer.status_code == status
        assert set(answer.json()) == {"message"}
        assert "secret" not in answer.text


def test_too_much_is_refused(client: httpx.Client, functions: Functions) -> None:
    """A body of more than 10 MB is a 413 and reaches no function."""
    answer = client.post("/v1/accounts/import", content=b"x" * (LARGEST + 1))
    assert (answer.status_code, answer.json()) == (413, {"message": "Request Entity Too Large"})
    assert functions.events == []


def test_a_body_may_come_in_chunks(client: httpx.Client, functions: Functions) -> None:
    """A request without a length is read to its end."""
    client.post(
        "/v1/accounts/import",
        content=iter([b'{"a": ', b"1}"]),
        headers={"content-type": "application/json"},
    )
    assert functions.last["body"] == '{"a": 1}'


def test_local_routes_are_for_this_machine(client: httpx.Client, gateway: Gateway) -> None:
    """They need no token, take JSON by POST only, and no page of another origin gets at them."""
    assert httpx.post(f"{gateway.url}/dev/tick", json={"x": 1}, trust_env=False).json() == {
        "got": {"x": 1}
    }
    assert client.get("/dev/tick").status_code == 405
    assert client.post("/dev/nothing").status_code == 404
    assert client.post("/dev/tick", content=b"{").status_code == 400
    for headers in (
        {"origin": "https://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"host": "evil.example"},
    ):
        assert client.post("/dev/tick", headers=headers).status_code == 403
    assert client.post("/dev/tick", headers={"origin": gateway.url}).status_code == 200
