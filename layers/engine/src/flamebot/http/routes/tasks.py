"""The last tasks of failed workflows."""

from __future__ import annotations

from flamebot.http.request import Request
from flamebot.http.response import Response, respond
from flamebot.http.response_schemas import FailedTaskPage
from flamebot.http.router import Handler
from flamebot.ports.read_store import ReadStore


class Tasks:
    """Handlers of the calls at `/v1/tasks`."""

    def __init__(self, *, reads: ReadStore) -> None:
        self._reads = reads

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their endpoints."""
        return {"list_failed_tasks": self.failed}

    def failed(self, request: Request) -> Response:
        """Return a page of the last tasks of failed workflows."""
        page = self._reads.failed_tasks(request.query.cursor, request.query.limit)
        return respond(FailedTaskPage, page)
