"""Route a request: match, authorize, validate, handle, respond."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from flamebot.domain.errors import FlamebotError, NotFound
from flamebot.http.endpoint import SCOPES, Endpoint
from flamebot.http.problems import (
    Forbidden,
    Malformed,
    MethodNotAllowed,
    invalid,
    problem,
    status_of,
)
from flamebot.http.request import Raw, Request
from flamebot.http.response import Response
from flamebot.ports.telemetry import Telemetry

Handler = Callable[[Request], Response]


class Router:
    """Calls the handler of the endpoint that an event matches. Each endpoint has one handler."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        handlers: Mapping[str, Handler],
        *,
        scope_prefix: str,
        telemetry: Telemetry,
        elsewhere: Sequence[Endpoint] = (),
    ) -> None:
        """Set up the routes.

        Args:
            endpoints: What this function handles.
            handlers: One per endpoint, by its name.
            scope_prefix: What precedes a scope's name in a token.
            telemetry: Gets a log line per request.
            elsewhere: Endpoints of other functions, whose methods `Allow` lists too.

        Raises:
            ValueError: An endpoint has no handler, or a handler no endpoint.
        """
        names = {endpoint.name for endpoint in endpoints}
        if names != set(handlers):
            raise ValueError(f"endpoints and handlers differ: {sorted(names ^ set(handlers))}")
        # Templates without parameters come first: /definitions/schema is not a type.
        self._endpoints = sorted(endpoints, key=lambda endpoint: endpoint.path.count("{"))
        self._all = (*endpoints, *elsewhere)
        self._handlers = handlers
        self._prefix = scope_prefix
        self._telemetry = telemetry

    def handle(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Response one event; never raises."""
        raw = Raw.of(event)
        route = ""
        try:
            endpoint, path = self._match(raw)
            route = endpoint.path
            response = self._respond(endpoint, path, raw)
        except FlamebotError as error:
            response = problem(error, raw.request_id)
            if status_of(type(error)) >= 500:
                self._telemetry.warn(
                    "request_failed",
                    request_id=raw.request_id,
                    code=error.code,
                    detail=error.detail,
                    where=_where(error),
                )
        except Exception as error:  # noqa: BLE001  # the client gets a 500, the log the traceback
            response = problem(FlamebotError(), raw.request_id)
            self._telemetry.warn(
                "request_failed",
                request_id=raw.request_id,
                code=type(error).__name__,
                where=_where(error),
            )
        self._telemetry.info(
            "request_handled",
            request_id=raw.request_id,
            method=raw.method[:10],
            route=route,
            status=response.status,
        )
        return response.to_gateway(raw.request_id)

    def _match(self, raw: Raw) -> tuple[Endpoint, dict[str, str]]:
        # Path before method: an unknown path is 404, a known one with another method 405.
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

    def _respond(self, endpoint: Endpoint, path: Mapping[str, str], raw: Raw) -> Response:
        # Authorization comes first: an unauthorized caller learns nothing about its input, and its
        # body of up to 5 MB is not parsed.
        actor, scopes = self._authorize(endpoint, raw)
        query = _validated(endpoint.query, raw.query())
        document = body = None
        if endpoint.body is not None:
            content = raw.content()
            if content.strip():
                document = raw.document(content, rows=endpoint.rows)
                body = _validated(endpoint.body, document)
            elif endpoint.body_optional:
                # No media type is needed either: clients send none without a body.
                document, body = {}, endpoint.body()
            else:
                raise Malformed("The request needs a JSON body.")
        request = Request(
            request_id=raw.request_id,
            actor=actor,
            scopes=scopes,
            path=path,
            headers=raw.headers,
            query=query,
            body=body,
            document=document,
        )
        return self._handlers[endpoint.name](request)

    def _authorize(self, endpoint: Endpoint, raw: Raw) -> tuple[str, tuple[str, ...]]:
        if endpoint.scope is None:
            return "", ()
        claims = raw.claims()
        # The gateway verified signature, issuer, audience and expiry. It checks no scopes, because
        # one route of the gateway serves many endpoints.
        granted = str(claims.get("scope") or "").split()
        needed = f"{self._prefix}{endpoint.scope}"
        if needed not in granted:
            raise Forbidden(f"This call needs the scope {needed}.", scope=needed)
        actor = str(claims.get("sub") or claims.get("client_id"))
        return actor, tuple(scope for scope in SCOPES if f"{self._prefix}{scope}" in granted)


def _validated(model: type[BaseModel], value: object, *prefix: str) -> BaseModel:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid(error, *prefix) from None


def _where(error: BaseException) -> list[str]:
    """Return the traceback without messages and values, which may hold input of clients."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return [
        f"{frame.filename.rpartition('/flamebot/')[2]}:{frame.lineno} {frame.name}"
        for frame in frames
    ]
