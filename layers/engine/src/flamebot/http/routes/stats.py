"""Figures: how much there is, how it goes, what falls due."""

from __future__ import annotations

from flamebot.http.answer import Answer, told
from flamebot.http.request import Request
from flamebot.http.response_schemas import DueHistogram, Stats
from flamebot.http.router import Handler
from flamebot.ports.read_store import ReadStore


class Figures:
    """Handlers of `/v1/stats`."""

    def __init__(self, *, reads: ReadStore) -> None:
        self._reads = reads

    def handlers(self) -> dict[str, Handler]:
        """By the endpoint's name."""
        return {"show_stats": self.show, "show_due": self.due}

    def show(self, request: Request) -> Answer:  # noqa: ARG002  # the same for everybody
        """Counts, execution statistics and lateness."""
        return told(Stats, self._reads.stats())

    def due(self, request: Request) -> Answer:
        """Waiting tasks per minute."""
        return told(DueHistogram, {"items": self._reads.due_histogram(request.query.minutes)})
