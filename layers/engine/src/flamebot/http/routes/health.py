"""Health: every check for operators, well or not for anybody."""

from __future__ import annotations

from flamebot.http.answer import Answer, told
from flamebot.http.request import Request
from flamebot.http.response_schemas import Health, OpenHealth
from flamebot.http.router import Handler
from flamebot.ports.clock import Clock
from flamebot.services.maintenance.health import CheckHealth

_KEPT_SECONDS = 2.0  # anybody may ask, and as often as he likes


class HealthChecks:
    """Handlers of `/v1/health` and `/health`."""

    def __init__(self, *, checks: CheckHealth, clock: Clock) -> None:
        """Nothing is asked yet."""
        self._checks = checks
        self._clock = clock
        self._well = False
        self._asked_at: float | None = None

    def handlers(self) -> dict[str, Handler]:
        """By the endpoint's name."""
        return {"show_health": self.show, "show_open_health": self.show_open}

    def show(self, request: Request) -> Answer:  # noqa: ARG002  # the same for everybody
        """200 with every check, whatever they say."""
        return told(Health, self._checks.run())

    def show_open(self, request: Request) -> Answer:  # noqa: ARG002  # the same for everybody
        """Whether workflows go on as they should. The answer is a moment old at most."""
        now = self._clock.monotonic()
        if self._asked_at is None or now - self._asked_at >= _KEPT_SECONDS:
            self._well = not self._checks.run().urgent
            self._asked_at = self._clock.monotonic()
        if self._well:
            return told(OpenHealth, {"status": "ok"})
        return told(OpenHealth, {"status": "unavailable"}, status=503, headers={"Retry-After": "5"})
