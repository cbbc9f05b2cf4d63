"""The HTTP API on this machine: the template's routes, token verification, payload format 2.0."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from devstack.aws.functions import FunctionError, Throttled
from devstack.aws.template import Route
from devstack.loopback import Answer, Dropped, LoopbackServer, Request, json_answer
from devstack.tokens import BadToken, Verifier

LARGEST = 10 * 1024 * 1024
_TEXTUAL = (
    "text/",
    "application/json",
    "application/javascript",
    "application/xml",
    "application/x-www-form-urlencoded",
    "application/problem+json",
)

Invoke = Callable[[str, dict[str, Any]], Any]
"""Runs a function by name on an event. Raises `FunctionError`, `Throttled`."""
LocalRoute = Callable[[Any], Answer]
"""Handles a route that only the local stack has; its argument is the JSON of the body."""


@dataclass(frozen=True, slots=True)
class Match:
    """A route that matches a request, and its path parameters."""

    route: Route
    parameters: Mapping[str, str]

    @property
    def key(self) -> str:
        """The route's key in the gateway's form, such as `GET /v1/{proxy+}`."""
        return f"{self.route.method} {self.route.path}"


def match_route(routes: Sequence[Route], method: str, path: str) -> Match | None:
    """Return the most specific matching route, or None.

    Full paths come before greedy ones, fixed parts before parameters, a method before ANY.
    """
    found = []
    for route in routes:
        if route.method not in (method, "ANY"):
            continue
        parameters = _fit(route.path.split("/"), path.split("/"))
        if parameters is not None:
            found.append(
                (
                    (
                        ("+}" in route.path),
                        route.path.count("{"),
                        -len(route.path),
                        route.method == "ANY",
                    ),
                    Match(route, parameters),
                )
            )
    return min(found, key=lambda item: item[0])[1] if found else None


def _fit(pattern: list[str], parts: list[str]) -> dict[str, str] | None:
    parameters: dict[str, str] = {}
    for position, want in enumerate(pattern):
        if want.startswith("{") and want.endswith("+}"):
            rest = "/".join(parts[position:])
            return {**parameters, want[1:-2]: rest} if rest else None
        if position >= len(parts):
            return None
        if want.startswith("{") and want.endswith("}"):
            parameters[want[1:-1]] = parts[position]
        elif want != parts[position]:
            return None
    return parameters if len(parts) == len(pattern) else None


def to_event(
    request: Request, match: Match, claims: Mapping[str, Any] | None, *, wall: float
) -> dict[str, Any]:
    """Return the event of a request in payload format 2.0.

    As on AWS, the path is decoded, the query string is not, and every claim is a string.
    """
    path = unquote(request.path)
    headers = {
        name: value
        for name, value in request.headers.items()
        if name not in ("cookie", "connection")
    }
    context: dict[str, Any] = {
        "accountId": "123456789012",
        "apiId": "local",
        "domainName": request.headers.get("host", ""),
        "domainPrefix": "local",
        "http": {
            "method": request.method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1",
            "userAgent": request.headers.get("user-agent", ""),
        },
        "requestId": uuid4().hex[:16],
        "routeKey": match.key,
        "stage": "$default",
        "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(wall)),
        "timeEpoch": int(wall * 1000),
    }
    if claims is not None:
        texts = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in claims.items()
        }
        context["authorizer"] = {"jwt": {"claims": texts, "scopes": None}}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": match.key,
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": context,
        "isBase64Encoded": False,
    }
    if "cookie" in request.headers:
        event["cookies"] = [cookie.strip() for cookie in request.headers["cookie"].split(";")]
    if request.query:
        merged: dict[str, str] = {}
        for name, value in request.query_items():
            merged[name] = f"{merged[name]},{value}" if name in merged else value
        event["queryStringParameters"] = merged
    if match.parameters:
        event["pathParameters"] = {name: unquote(value) for name, value in match.parameters.items()}
    if request.body:
        event |= _body(request)
    return event


def _body(request: Request) -> dict[str, Any]:
    kind = request.headers.get("content-type", "")
    if kind.lower().startswith(_TEXTUAL):
        try:
            return {"body": request.body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass
    return {"body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}


def to_answer(result: object) -> Answer:
    """Return a function's result as a response; without a status code it is the body of a 200."""
    if not isinstance(result, dict) or "statusCode" not in result:
        return json_answer(200, result)
    try:
        body = result.get("body") or ""
        raw = (
            base64.b64decode(body, validate=True)
            if result.get("isBase64Encoded")
            else str(body).encode()
        )
        headers = {str(name): str(value) for name, value in (result.get("headers") or {}).items()}
        if body and not any(name.lower() == "content-type" for name in headers):
            headers["content-type"] = "text/plain;charset=UTF-8"
        return Answer(
            status=int(result["statusCode"]),
            body=raw,
            headers=headers,
            cookies=tuple(result.get("cookies") or ()),
        )
    except (TypeError, ValueError, AttributeError, binascii.Error):
        return _message(500, "Internal Server Error")


def _message(status: int, text: str, **headers: str) -> Answer:
    return json_answer(status, {"message": text}, **headers)


class Gateway:
    """Serves the routes of the HTTP API on 127.0.0.1."""

    def __init__(
        self,
        routes: Sequence[Route],
        verifier: Verifier,
        invoke: Invoke,
        local: Mapping[str, LocalRoute],
        *,
        port: int = 0,
    ) -> None:
        """Bind the port. `local` has the handlers of local routes by path; all are POST."""
        self._routes = routes
        self._verifier = verifier
        self._invoke = invoke
        self._local = local
        self._server = LoopbackServer(
            self._handle,
            port=port,
            max_body=LARGEST,
            oversize=_message(413, "Request Entity Too Large"),
        )
        self.url = self._server.url

    def start(self) -> None:
        """Start to serve HTTP requests."""
        self._server.start()

    def stop(self) -> None:
        """Stop the server and wait for its end."""
        self._server.stop()

    def _handle(self, request: Request) -> Answer | Dropped:
        if request.path.startswith("/dev/"):
            return self._handle_local(request)
        match = match_route(self._routes, request.method, request.path)
        if match is None:
            return _message(404, "Not Found")
        claims = None
        if match.route.authorized:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            try:
                claims = self._verifier.claims(token.strip() if scheme.lower() == "bearer" else "")
            except BadToken:
                return _message(401, "Unauthorized", **{"www-authenticate": "Bearer"})
        try:
            event = to_event(request, match, claims, wall=time.time())
            return to_answer(self._invoke(match.route.function, event))
        except Throttled:
            return _message(503, "Service Unavailable")
        except FunctionError as error:
            timed_out = error.failure.get("errorType") == "Sandbox.Timedout"
            return (
                _message(503, "Service Unavailable")
                if timed_out
                else _message(500, "Internal Server Error")
            )

    def _handle_local(self, request: Request) -> Answer:
        # These routes need no token, so a web page must not call them: browsers send the origin.
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return _message(403, "Forbidden")
        if request.headers.get("origin", self.url) not in (
            self.url,
            self.url.replace("127.0.0.1", "localhost"),
        ):
            return _message(403, "Forbidden")
        route = self._local.get(request.path)
        if route is None:
            return _message(404, "Not Found")
        if request.method != "POST":
            return _message(405, "Method Not Allowed", allow="POST")
        try:
            document = json.loads(request.body) if request.body.strip() else {}
        except ValueError:
            return _message(400, "The body is not JSON")
        return route(document)
