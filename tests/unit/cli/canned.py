"""An API on loopback with canned responses; it records the requests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

NOW = "2026-03-01T12:00:00.123456Z"


@dataclass
class RequestModel:
    """A request that the API received."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Reply:
    """A canned response of the API."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[RequestModel], Reply]


class CannedApi:
    """Replies by method and path. A list of replies is used in order, the last one repeatedly."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[RequestModel] = []
        self.replies: dict[tuple[str, str], list[Reply] | Handler] = {}

    def on(self, method: str, path: str, *replies: Reply | Handler) -> None:
        """Set the replies to a request."""
        first = replies[0]
        self.replies[method, path] = (
            first if callable(first) else [r for r in replies if isinstance(r, Reply)]
        )

    def reply(self, request: RequestModel) -> Reply:
        """Return the reply to a request."""
        self.requests.append(request)
        canned = self.replies.get((request.method, request.path))
        if canned is None:
            return problem(404, "not_found", "There is no such thing.")
        if callable(canned):
            return canned(request)
        return canned.pop(0) if len(canned) > 1 else canned[0]


def problem(status: int, code: str, detail: str, **more: Any) -> Reply:
    """Return an error in the form of the API."""
    headers = {"Content-Type": "application/problem+json", **more.pop("headers", {})}
    body = {
        "type": f"/problems/{code}",
        "title": "No",
        "status": status,
        "detail": detail,
        "code": code,
        "requestId": "req-1",
        "errors": [],
    }
    return Reply(status, {**body, **more}, headers)


def workflow(**changes: Any) -> dict[str, Any]:
    """Return a workflow as `GET /v1/workflows/ID` does."""
    shown = {
        "id": "3f0e9f6e-8f3c-4a6e-9a39-000000000001",
        "accountId": "acct-001",
        "workflowType": "default",
        "workflowVersion": 2,
        "status": "active",
        "currentStep": 1,
        "currentStepId": "swipe",
        "totalSteps": 5,
        "nextActionAt": NOW,
        "lastError": None,
        "startedAt": NOW,
        "finishedAt": None,
        "pausedAt": None,
        "updatedAt": NOW,
        "revision": 4,
        "executionContext": {},
        "gotoIterations": {"again": 3},
        "task": {
            "taskId": "t:2",
            "stepId": "swipe",
            "action": "swipe_with_spectre",
            "phase": "submit",
            "status": "pending",
            "attempts": 1,
        },
        "effectInFlight": False,
        "allowedActions": ["pause", "stop"],
    }
    return {**shown, **changes}


@contextmanager
def serve() -> Iterator[CannedApi]:
    """Serve for the length of a block."""
    api = CannedApi()

    class Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            parts = urlsplit(self.path)
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            is_json = text and headers.get("content-type", "") == "application/json"
            request = RequestModel(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query)),
                headers,
                json.loads(text) if is_json else text or None,
            )
            reply = api.reply(request)
            content = (
                reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            )
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815  # the names that the server looks for

        def log_message(self, *_: Any) -> None:
            """Write no log line for a request."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Requests) as server:
        server.daemon_threads = True
        server.block_on_close = False
        api.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join(5)
