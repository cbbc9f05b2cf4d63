"""The global pause."""

from __future__ import annotations

from flamebot.http.answer import Answer, told
from flamebot.http.request import Request
from flamebot.http.response_schemas import Control
from flamebot.http.router import Handler
from flamebot.ports.control_store import ControlStore
from flamebot.services.workflows.control import ControlWorkflow


class GlobalControl:
    """Handlers of `/v1/control`."""

    def __init__(self, *, store: ControlStore, control: ControlWorkflow) -> None:
        self._store = store
        self._control = control

    def handlers(self) -> dict[str, Handler]:
        """By the endpoint's name."""
        return {
            "show_control": self.show,
            "pause_all": self.pause_all,
            "resume_all": self.resume_all,
        }

    def show(self, request: Request) -> Answer:  # noqa: ARG002  # the same for everybody
        """Whether everything is paused."""
        return told(Control, self._store.control())

    def pause_all(self, request: Request) -> Answer:
        """Nothing begins after this answer."""
        return told(Control, self._control.pause_all(request.caller()))

    def resume_all(self, request: Request) -> Answer:
        """Go on."""
        return told(Control, self._control.resume_all(request.caller()))
