"""Health: every check for operators, up or not for anybody."""

from __future__ import annotations

from flamebot.http.answer import Answer, told
from flamebot.http.answer_schemas import Health, OpenHealth
from flamebot.http.request import Request
from flamebot.http.router import Handler
from flamebot.services.check_health import CheckHealth


class HealthChecks:
    """Handlers of `/v1/health` and `/health`."""

    def __init__(self, *, checks: CheckHealth) -> None:
        self._checks = checks

    def handlers(self) -> dict[str, Handler]:
        """By the endpoint's name."""
        return {"show_health": self.show, "show_open_health": self.show_open}

    def show(self, request: Request) -> Answer:  # noqa: ARG002  # the same for everybody
        """200 with every check, whatever they say."""
        return told(Health, self._checks.run())

    def show_open(self, request: Request) -> Answer:  # noqa: ARG002  # the same for everybody
        """Whether the API can do anything at all: is the database there and writable?"""
        up = self._checks.database().ok
        if up:
            return told(OpenHealth, {"status": "ok"})
        return told(OpenHealth, {"status": "unavailable"}, status=503, headers={"Retry-After": "5"})
