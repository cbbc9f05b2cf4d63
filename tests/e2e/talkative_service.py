"""An actions service that repeats its requests wherever it can and records every call."""

from __future__ import annotations

import threading
from typing import Any

from devstack.loopback import Answer, LoopbackServer, Request, json_answer

# Its response to a registration, by the account's name.
FAILING = ("unavailable", "refused", "no-json", "no-object", "no-status")
SLOW = "slow"  # the response to its write waits for the test


class TalkativeService:
    """Listens on a loopback port until `stop`."""

    def __init__(self) -> None:
        """Start to respond to requests."""
        self.calls: list[Request] = []
        self.writing = threading.Event()
        self.go_on = threading.Event()
        self._known: set[str] = set()
        self._server = LoopbackServer(self._handle, max_body=1 << 20, oversize=json_answer(413, {}))
        self.url = self._server.url
        self._server.start()

    def stop(self) -> None:
        """Stop responding to requests."""
        self.go_on.set()
        self._server.stop()

    def _handle(self, request: Request) -> Answer:
        self.calls.append(request)
        match request.method, request.path.split("/")[1:]:
            case "PUT", ["accounts", account]:
                return self._register(account, request.body)
            case "GET", ["accounts", account] if account in self._known:
                return json_answer(200, {"id": account, "status": "active"})
            case "PUT", ["accounts", account, "bio"]:
                if account == SLOW:
                    self.writing.set()
                    self.go_on.wait(20)
                return json_answer(202, {"taskId": f"job-{account}"})
            case "GET", ["tasks", task]:
                return json_answer(200, {"taskId": task, "status": "succeeded", "result": {}})
        return json_answer(404, {})

    def _register(self, account: str, body: bytes) -> Answer:
        echoed = body.decode()
        problem: dict[str, Any] = {
            "type": f"/problems/{echoed}",
            "title": echoed,
            "detail": echoed,
            "errors": [{"pointer": echoed}],
        }
        match account:
            case "unavailable":
                return json_answer(503, problem, **{"retry-after": "0"})
            case "refused":
                return json_answer(422, problem)
            case "no-json":
                return Answer(status=200, body=b"<p>" + body, headers={"content-type": "text/html"})
            case "no-object":
                return json_answer(200, [echoed])
            case "no-status":
                return json_answer(200, {"id": echoed, "status": echoed, echoed: echoed})
        self._known.add(account)
        return json_answer(200, {"id": account, "status": "active", "note": echoed})
