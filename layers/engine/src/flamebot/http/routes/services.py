"""The services that steps call, and their breakers: show, open, close."""

from __future__ import annotations

from flamebot.domain.service_call import Service as ServiceName
from flamebot.http.parameters import service_name
from flamebot.http.request import Request
from flamebot.http.response import Response, respond
from flamebot.http.router import Handler
from flamebot.http.status_schemas import Service, ServiceList
from flamebot.ports.admin_store import AdminStore
from flamebot.ports.read_store import ReadStore


class Services:
    """Handlers of `/v1/services`."""

    def __init__(self, *, store: AdminStore, reads: ReadStore) -> None:
        self._store = store
        self._reads = reads

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their endpoints."""
        return {
            "list_services": self.list,
            "open_service": self.open,
            "close_service": self.close,
        }

    def list(self, request: Request) -> Response:  # noqa: ARG002  # every handler takes the request
        """Return both services with their breakers, calls and openings."""
        return respond(
            ServiceList, {"items": [self._reads.service_state(name) for name in ServiceName]}
        )

    def open(self, request: Request) -> Response:
        """Open the breaker of a service by hand."""
        return respond(Service, self._store.open_service(service_name(request), request.caller()))

    def close(self, request: Request) -> Response:
        """End an open breaker by hand."""
        return respond(Service, self._store.close_service(service_name(request), request.caller()))
