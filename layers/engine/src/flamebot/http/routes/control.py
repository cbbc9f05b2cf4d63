"""The global pause: show, begin, end."""

from __future__ import annotations

from flamebot.http.request import Request
from flamebot.http.response import Response, respond
from flamebot.http.router import Handler
from flamebot.http.status_schemas import Control
from flamebot.ports.admin_store import AdminStore
from flamebot.services.workflows.control import ControlWorkflow


class GlobalControl:
    """Handlers of `/v1/control`."""

    def __init__(self, *, store: AdminStore, control: ControlWorkflow) -> None:
        self._store = store
        self._control = control

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their endpoints."""
        return {
            "show_control": self.show,
            "pause_all": self.pause_all,
            "resume_all": self.resume_all,
        }

    def show(self, request: Request) -> Response:  # noqa: ARG002  # every handler takes the request
        """Return whether everything is paused."""
        return respond(Control, self._store.control_state())

    def pause_all(self, request: Request) -> Response:
        """Pause globally; no task begins after the response."""
        return respond(Control, self._control.pause_all(request.caller()))

    def resume_all(self, request: Request) -> Response:
        """End the global pause and send what fell due meanwhile."""
        return respond(Control, self._control.resume_all(request.caller()))
