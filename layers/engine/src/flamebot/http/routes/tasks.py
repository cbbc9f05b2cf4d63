"""Tasks that came to nothing."""

from __future__ import annotations

from flamebot.http.answer import Answer, told
from flamebot.http.request import Request
from flamebot.http.response_schemas import FailedTaskPage
from flamebot.http.router import Handler
from flamebot.ports.read_store import ReadStore


class Tasks:
    """Handlers of `/v1/tasks`."""

    def __init__(self, *, reads: ReadStore) -> None:
        self._reads = reads

    def handlers(self) -> dict[str, Handler]:
        """By the endpoint's name."""
        return {"list_failed_tasks": self.failed}

    def failed(self, request: Request) -> Answer:
        """The last tasks of failed workflows."""
        return told(
            FailedTaskPage, self._reads.failed_tasks(request.query.cursor, request.query.limit)
        )
