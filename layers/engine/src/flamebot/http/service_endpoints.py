"""The calls about the services that steps call."""

from __future__ import annotations

from flamebot.domain import errors
from flamebot.http import request_schemas as requests
from flamebot.http import status_schemas as statuses
from flamebot.http.endpoint import Endpoint

SERVICES: tuple[Endpoint, ...] = (
    Endpoint(
        name="list_services",
        method="GET",
        path="/v1/services",
        scope="read",
        summary="List the services that steps call: the state of their breakers, the calls of the"
        " last minute, the last openings.",
        response=statuses.ServiceList,
    ),
    Endpoint(
        name="open_service",
        method="POST",
        path="/v1/services/{name}/open",
        scope="admin",
        summary="Open the breaker of a service by hand: none of its tasks begins until it is"
        " closed by hand. Cancels go on.",
        body=requests.ControlRequest,
        body_optional=True,
        response=statuses.Service,
        errors=(errors.NotFound,),
    ),
    Endpoint(
        name="close_service",
        method="POST",
        path="/v1/services/{name}/close",
        scope="admin",
        summary="End an open breaker: its tasks are released at a growing rate. It opens again by"
        " itself if the service still fails.",
        body=requests.ControlRequest,
        body_optional=True,
        response=statuses.Service,
        errors=(errors.NotFound,),
    ),
)
