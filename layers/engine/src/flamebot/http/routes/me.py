"""The caller and the deployment: who am I here, and how fast does the schedule clock run."""

from __future__ import annotations

from flamebot.http.request import Request
from flamebot.http.response import Response, respond
from flamebot.http.router import Handler
from flamebot.http.status_schemas import Me
from flamebot.ports.clock import Clock
from flamebot.version import VERSION


class Caller:
    """The handler of `/v1/me`, which reads no database."""

    def __init__(self, *, clock: Clock, stage: str) -> None:
        self._clock = clock
        self._stage = stage

    def handlers(self) -> dict[str, Handler]:
        """Return the handler by the name of its endpoint."""
        return {"show_me": self.show}

    def show(self, request: Request) -> Response:
        """Return the token's subject and scopes, and version, stage and clock rate."""
        me = Me(
            subject=request.actor,
            scopes=list(request.scopes),
            version=VERSION,
            stage=self._stage,
            clock_rate=self._clock.rate,
        )
        return respond(Me, me)
