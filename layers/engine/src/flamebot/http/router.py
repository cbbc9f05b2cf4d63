"""The way of a request: match, guard, read, handle, answer. Whatever happens, the answer is one."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from flamebot.domain.errors import FlamebotError, NotFound
from flamebot.http.answer import Answer
from flamebot.http.endpoint import Endpoint
from flamebot.http.problems import (
    Forbidden,
    Malformed,
    MethodNotAllowed,
    invalid,
    problem,
    status_of,
)
from flamebot.http.request import Raw, Request
from flamebot.ports.telemetry import Telemetry

Handler = Callable[[Request], Answer]


class Router:
    """Endpoints and their handlers, by name. Every endpoint has exactly one."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        handlers: Mapping[str, Handler],
        *,
        scope_prefix: str,
        telemetry: Telemetry,
        elsewhere: Sequence[Endpoint] = (),
    ) -> None:
        """Take what this function answers; `elsewhere` is what the gateway routes to others, and belongs into `Allow` too."""
        names = {endpoint.name for endpoint in endpoints}
        if names != set(handlers):
            raise ValueError(f"endpoints and handlers differ: {sorted(names ^ set(handlers))}")
        # A template without parameters is tried before one with: /definitions/schema is no type.
        self._endpoints = sorted(endpoints, key=lambda endpoint: endpoint.path.count("{"))
        self._all = (*endpoints, *elsewhere)
        self._handlers = handlers
        self._prefix = scope_prefix
        self._telemetry = telemetry

    def handle(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one event; never raises."""
        raw = Raw.of(event)
        route = ""
        try:
            endpoint, path = self._match(raw)
            route = endpoint.path
            answer = self._answer(endpoint, path, raw)
        except FlamebotError as error:
            answer = problem(error, raw.request_id)
            if status_of(error) >= 500:
                self._telemetry.warn(
                    "call_failed",
                    request_id=raw.request_id,
                    code=error.code,
                    detail=error.detail,
                    where=_where(error),
                )
        except Exception as error:  # noqa: BLE001  # a client gets a problem, the log gets the place
            answer = problem(FlamebotError(), raw.request_id)
            self._telemetry.warn(
                "call_failed",
                request_id=raw.request_id,
                code=type(error).__name__,
                where=_where(error),
            )
        self._telemetry.info(
            "answered",
            request_id=raw.request_id,
            method=raw.method[:10],
            route=route,
            status=answer.status,
        )
        return answer.to_gateway(raw.request_id)

    def _match(self, raw: Raw) -> tuple[Endpoint, dict[str, str]]:
        known = False
        for endpoint in self._endpoints:
            path = endpoint.match(raw.segments)
            if path is None:
                continue
            if endpoint.method == raw.method:
                return endpoint, path
            known = True
        if known:
            raise MethodNotAllowed(
                allow=sorted(
                    {
                        endpoint.method
                        for endpoint in self._all
                        if endpoint.match(raw.segments) is not None
                    }
                )
            )
        raise NotFound("There is no such route.")

    def _answer(self, endpoint: Endpoint, path: Mapping[str, str], raw: Raw) -> Answer:
        actor = self._guard(endpoint, raw)
        query = _fit(endpoint.query, raw.query())
        document = body = None
        if endpoint.body is not None:
            content = raw.content()
            if content.strip():
                document = raw.document(content, rows=endpoint.rows)
                body = _fit(endpoint.body, document)
            elif endpoint.body_optional:
                document, body = {}, endpoint.body()
            else:
                raise Malformed("A JSON body is needed.")
        request = Request(
            request_id=raw.request_id,
            actor=actor,
            path=path,
            headers=raw.headers,
            query=query,
            body=body,
            document=document,
        )
        return self._handlers[endpoint.name](request)

    def _guard(self, endpoint: Endpoint, raw: Raw) -> str:
        if endpoint.scope is None:
            return ""
        claims = raw.claims()
        granted = str(claims.get("scope") or "").split()
        needed = f"{self._prefix}{endpoint.scope}"
        if needed not in granted:
            raise Forbidden(f"This call needs the scope {needed}.", scope=needed)
        return str(claims.get("sub") or claims.get("client_id"))


def _fit(model: type[BaseModel], value: object, *prefix: str) -> BaseModel:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid(error, *prefix) from None


def _where(error: BaseException) -> list[str]:
    """Where it happened. Messages and values stay out of the log: they may hold what somebody sent."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return [
        f"{frame.filename.rpartition('/flamebot/')[2]}:{frame.lineno} {frame.name}"
        for frame in frames
    ]
