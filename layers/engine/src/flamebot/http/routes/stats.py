"""Statistics: counts by status, steps of the last day, lateness, due tasks by the minute."""

from __future__ import annotations

from flamebot.http.request import Request
from flamebot.http.response import Response, respond
from flamebot.http.router import Handler
from flamebot.http.status_schemas import DueHistogram, Stats
from flamebot.ports.read_store import ReadStore


class Statistics:
    """Handlers of the calls at `/v1/stats`."""

    def __init__(self, *, reads: ReadStore) -> None:
        self._reads = reads

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their endpoints."""
        return {"show_stats": self.show, "show_due": self.due}

    def show(self, request: Request) -> Response:  # noqa: ARG002  # every handler takes the request
        """Return counts, step statistics and lateness."""
        return respond(Stats, self._reads.engine_stats())

    def due(self, request: Request) -> Response:
        """Return the number of waiting tasks per minute."""
        return respond(DueHistogram, {"items": self._reads.due_histogram(request.query.minutes)})
