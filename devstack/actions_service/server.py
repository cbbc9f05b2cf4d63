"""A simulated actions service with the API of `docs/actions-api.yaml` and of all actions.

It has latency, injected faults and a ledger. The routes below `/_sim` are not part of the service:
they control the simulation and return its state. As a program it is a child process of the local
stack and ends with it.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import os
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

from devstack.actions_service.api import Operation, read_api
from devstack.actions_service.faults import BadFault, Fault, Faults
from devstack.actions_service.provider import Provider, Refused, Write
from devstack.child import end_with_parent, say_ready
from devstack.clock import engine_clock
from devstack.loopback import Answer, Dropped, LoopbackServer, Request, json_answer

TOKEN_VARIABLE = "FLAMEBOT_DEV_ACTIONS_TOKEN"  # noqa: S105  # the variable's name
_ENDS: dict[str, Literal["failed", "cancelled"]] = {"fail_job": "failed", "cancel_job": "cancelled"}


def _problem(status: int, detail: str, *, code: str | None = None, **headers: str) -> Answer:
    document: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if code is not None:
        document["code"] = code
    return json_answer(status, document, content_type="application/problem+json", **headers)


class ActionsService:
    """The service, on a port of this machine."""

    def __init__(
        self,
        port: int = 0,
        token: str = "local",  # noqa: S107  # the service listens on this machine only
        state_file: Path | None = None,
        clock_file: Path | None = None,
    ) -> None:
        """Bind the port.

        Without a state file nothing is kept. Without a clock file jobs take wall time.
        """
        self.token = token
        self.faults = Faults()
        self.provider = Provider(engine_clock(clock_file), state_file)
        self._api = read_api()
        self._server = LoopbackServer(
            self._handle, port=port, max_body=1024 * 1024, oversize=_problem(413, "too large")
        )
        self.port = self._server.port
        self.url = self._server.url

    def start(self) -> None:
        """Start to serve requests on the port."""
        self._server.start()

    def stop(self) -> None:
        """Stop serving, and close the state file."""
        self._server.stop()
        self.provider.close()

    def _handle(self, request: Request) -> Answer | Dropped:
        if request.path.startswith("/_sim/"):
            return self._administer(request)
        if self.provider.settings.down:
            return Dropped()
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(
            given.strip().encode(), self.token.encode()
        ):
            return _problem(401, "a bearer token is required")
        found = self._api.match(request.method, request.path)
        if found is None:
            return _problem(
                405 if self._api.knows(request.path) else 404,
                f"{request.method} {request.path} is not an operation of this service",
            )
        operation, parameters = found
        if operation.key is not None or operation.name == "cancelTask":
            return self._write(operation, parameters, request)
        fault = self.faults.take(operation.name, parameters.get("accountId"))
        time.sleep(self.provider.settings.latency)
        refused = self._fail_before(fault)
        return (
            refused
            if refused is not None
            else self._fail_after(fault, self._read(operation, parameters, request))
        )

    def _read(self, operation: Operation, parameters: dict[str, str], request: Request) -> Answer:
        query = dict(request.query_items())
        issues = operation.issues({**parameters, **query}, None, None)
        if issues:
            return _problem(422, "; ".join(issues))
        if operation.name == "findTasks":
            task = self.provider.find(query["idempotencyKey"])
            return json_answer(200, {"items": [] if task is None else [task]})
        by_id = operation.name == "getTask"
        shown = (
            self.provider.job(parameters["taskId"])
            if by_id
            else self.provider.account(parameters["accountId"])
        )
        return (
            _problem(404, "the resource does not exist")
            if shown is None
            else json_answer(200, shown)
        )

    def _write(
        self, operation: Operation, parameters: dict[str, str], request: Request
    ) -> Answer | Dropped:
        key = request.headers.get("idempotency-key")
        account = (
            parameters.get("accountId") or self.provider.account_of(parameters["taskId"]) or ""
        )
        digest = hashlib.sha256(
            f"{request.method} {request.path}\n".encode() + request.body
        ).hexdigest()
        entry: dict[str, Any] = {
            "operation": operation.name,
            "account": account,
            "key": key,
            "bodyHash": digest,
            "startedAt": time.time(),
        }
        fence = request.headers.get("x-fencing-token", "")
        entry["fence"] = int(fence) if fence.isdecimal() else None
        fault = self.faults.take(operation.name, account)
        entry["fault"] = fault.kind if fault is not None else None
        with self.provider.at_work(account, key or parameters.get("taskId", "")):
            time.sleep(self.provider.settings.latency)
            answer = self._fail_before(fault)
            if answer is None:
                answer = self._fail_after(
                    fault, self._act(operation, parameters, request, fault, entry)
                )
            entry |= {
                "endedAt": time.time(),
                "status": answer.status if isinstance(answer, Answer) else None,
            }
            self.provider.written(entry)
        return answer

    def _act(
        self,
        operation: Operation,
        parameters: dict[str, str],
        request: Request,
        fault: Fault | None,
        entry: dict[str, Any],
    ) -> Answer:
        try:
            body: Any = (
                json.loads(request.body) if request.body or operation.body is not None else None
            )
        except ValueError:
            return _problem(422, "the body is not JSON")
        issues = operation.issues({**parameters, **dict(request.query_items())}, entry["key"], body)
        if issues:
            return _problem(422, "; ".join(issues))
        if operation.name == "cancelTask":
            task = self.provider.cancel(parameters["taskId"])
            entry["taskId"] = parameters["taskId"]
            return (
                _problem(404, "the task does not exist") if task is None else json_answer(200, task)
            )
        write = Write(
            operation=operation.name,
            account=entry["account"],
            key=entry["key"],
            body=body,
            digest=entry["bodyHash"],
            fence=entry["fence"],
            job_seconds=operation.job_seconds,
        )
        if operation.name == "registerAccount":
            account = self.provider.register(write)
            return (
                _problem(account.status, account.detail)
                if isinstance(account, Refused)
                else json_answer(200, account)
            )
        accepted = self.provider.submit(
            write, _ENDS.get(fault.kind, "succeeded") if fault is not None else "succeeded"
        )
        if isinstance(accepted, Refused):
            return _problem(accepted.status, accepted.detail)
        entry["taskId"], entry["effect"] = accepted
        return json_answer(202, {"taskId": accepted[0]})

    @staticmethod
    def _fail_before(fault: Fault | None) -> Answer | Dropped | None:
        match fault.kind if fault is not None else None, fault:
            case "unavailable", Fault(retry_after=seconds):
                return _problem(503, "unavailable", **{"retry-after": str(seconds)})
            case "throttle", Fault(retry_after=seconds):
                return _problem(429, "too many requests", **{"retry-after": str(seconds)})
            case "refuse", Fault(status=status, code=code):
                return _problem(status, "refused", code=code)
            case "reset", _:
                return Dropped()
        return None

    @staticmethod
    def _fail_after(fault: Fault | None, answer: Answer) -> Answer | Dropped:
        if fault is not None and fault.kind == "drop":
            return Dropped()
        if fault is not None and fault.kind == "no_body" and answer.status < 300:
            return Answer(status=204)
        if fault is not None and fault.kind == "slow":
            time.sleep(fault.seconds)
        return answer

    def _administer(self, request: Request) -> Answer:
        if (
            request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
            or "origin" in request.headers
        ):
            return _problem(403, "requests from pages of another origin are refused")
        try:
            document = json.loads(request.body) if request.body else {}
            return self._changed(request, document)
        except (BadFault, ValueError, TypeError) as error:
            return _problem(422, str(error))

    def _changed(self, request: Request, document: Any) -> Answer:  # noqa: ANN401  # JSON
        match request.method, request.path.removeprefix("/_sim/").split("/"):
            case "GET", ["ledger"]:
                return json_answer(
                    200, self.provider.ledger(dict(request.query_items()).get("account"))
                )
            case "GET", ["faults"]:
                return json_answer(200, {"items": self.faults.listed()})
            case "POST", ["faults"]:
                self.faults.add(Fault.parse(document))
                return json_answer(201, {"items": self.faults.listed()})
            case "DELETE", ["faults"]:
                self.faults.clear()
                return json_answer(200, {"items": []})
            case (("GET" | "POST"), ["settings"]):
                return json_answer(200, self.provider.change(document))
            case "POST", ["accounts", account] if document.get("status") in ("active", "suspended"):
                self.provider.set_status(unquote(account), document["status"])
                return json_answer(200, document)
            case "POST", ["forget-keys"]:
                return json_answer(200, {"forgotten": self.provider.forget_keys()})
        return _problem(404, "the simulation has no such route")


def main() -> None:
    """Serve until the parent process ends."""
    parser = argparse.ArgumentParser(prog="python -m devstack.actions_service.server")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--state-file", type=Path)
    parser.add_argument("--clock-file", type=Path)
    options = parser.parse_args()
    end_with_parent()
    service = ActionsService(
        options.port,
        os.environ.get(TOKEN_VARIABLE, "local"),
        options.state_file,
        options.clock_file,
    )
    service.start()
    say_ready(url=service.url, port=service.port)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
