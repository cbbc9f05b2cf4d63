"""Health: every check for operators, and one status without a token."""

from __future__ import annotations

from flamebot.http.request import Request
from flamebot.http.response import Response, respond
from flamebot.http.router import Handler
from flamebot.http.status_schemas import Health, OpenHealth
from flamebot.ports.clock import Clock
from flamebot.services.maintenance.health import CheckHealth

# GET /health is unauthenticated: without a cache, clients could load the database with it.
_CACHE_SECONDS = 2.0


class HealthChecks:
    """Handlers of `/v1/health` and `/health`."""

    def __init__(self, *, checks: CheckHealth, clock: Clock) -> None:
        self._checks = checks
        self._clock = clock
        self._healthy = False
        self._checked_at: float | None = None  # monotonic seconds

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their endpoints."""
        return {"show_health": self.show, "show_open_health": self.show_open}

    def show(self, request: Request) -> Response:  # noqa: ARG002  # every handler takes the request
        """Return every check: 200 whether they are ok or not."""
        return respond(Health, self._checks.run())

    def show_open(self, request: Request) -> Response:  # noqa: ARG002  # every handler takes the request
        """Return 200 if every urgent check is ok, else 503. The result is cached for 2 s."""
        now = self._clock.monotonic()
        if self._checked_at is None or now - self._checked_at >= _CACHE_SECONDS:
            self._healthy = not self._checks.run().urgent
            self._checked_at = self._clock.monotonic()
        if self._healthy:
            return respond(OpenHealth, {"status": "ok"})
        headers = {"Retry-After": "5"}
        return respond(OpenHealth, {"status": "unavailable"}, status=503, headers=headers)
