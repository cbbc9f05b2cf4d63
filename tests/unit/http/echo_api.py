"""A small API whose handlers return what they receive, for the tests of the router."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import Field

from flamebot.domain.errors import NotAllowed, StoreUnavailable
from flamebot.http.endpoint import Endpoint
from flamebot.http.request import Request
from flamebot.http.response import Response
from flamebot.http.router import Router
from flamebot.http.wire import Filter, RequestModel


class Thing(RequestModel):
    """A body with a required and an optional field."""

    account_id: str
    many: Annotated[int, Field(ge=1)] = 1


class Few(Filter):
    """A query with one parameter."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50


TABLE = (
    Endpoint(
        name="put",
        method="POST",
        path="/v1/things",
        scope="admin",
        summary="Put.",
        response=None,
        body=Thing,
    ),
    Endpoint(
        name="list",
        method="GET",
        path="/v1/things",
        scope="read",
        summary="List.",
        response=None,
        query=Few,
    ),
    Endpoint(
        name="show",
        method="GET",
        path="/v1/things/{id}",
        scope="read",
        summary="Show.",
        response=None,
    ),
    Endpoint(
        name="known",
        method="GET",
        path="/v1/things/schema",
        scope="read",
        summary="Known.",
        response=None,
    ),
    Endpoint(name="open", method="GET", path="/open", scope=None, summary="Open.", response=None),
    Endpoint(
        name="poke",
        method="POST",
        path="/v1/poke",
        scope="admin",
        summary="Poke.",
        response=None,
        body=Filter,
        body_optional=True,
    ),
    Endpoint(
        name="down", method="GET", path="/v1/down", scope="read", summary="Down.", response=None
    ),
    Endpoint(
        name="broken",
        method="GET",
        path="/v1/broken",
        scope="read",
        summary="Broken.",
        response=None,
    ),
    Endpoint(
        name="refused",
        method="GET",
        path="/v1/refused",
        scope="read",
        summary="Refused.",
        response=None,
    ),
)


def echo(request: Request) -> Response:
    """Return what the handler received."""
    return Response(
        status=200,
        body={"path": dict(request.path), "actor": request.actor, "document": request.document},
    )


def down(request: Request) -> Response:
    """Raise the error of an unreachable database."""
    raise StoreUnavailable


def broken(request: Request) -> Response:
    """Raise an unexpected error whose message must not be shown."""
    raise ZeroDivisionError("hunter2")


def refused(request: Request) -> Response:
    """Raise the error of a refused action."""
    raise NotAllowed(allowed=["stop", "resume"])


HANDLERS = {endpoint.name: echo for endpoint in TABLE} | {
    "down": down,
    "broken": broken,
    "refused": refused,
}


def call(router: Router, event: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
    """Return status, parsed body and headers of a call."""
    response = router.handle(event)
    return response["statusCode"], json.loads(response["body"]), response["headers"]


def assert_problem(
    response: tuple[int, Any, dict[str, str]], status: int, code: str, *pointers: str
) -> None:
    """Assert that the response is a complete problem document."""
    got, body, headers = response
    assert (got, body["status"], body["code"]) == (status, status, code), body
    assert headers["Content-Type"] == "application/problem+json"
    assert set(body) >= {"type", "title", "status", "detail", "code", "requestId", "errors"}
    assert [error["pointer"] for error in body["errors"]] == list(pointers)
