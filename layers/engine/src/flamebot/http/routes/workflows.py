"""Workflows: listed, shown, controlled."""

from __future__ import annotations

from flamebot.http.answer import Answer, told
from flamebot.http.parameters import instance_id
from flamebot.http.request import Request
from flamebot.http.request_schemas import WorkflowFilter
from flamebot.http.response_schemas import HistoryPage, Workflow, WorkflowPage
from flamebot.http.router import Handler
from flamebot.ports.read_store import ReadStore
from flamebot.services.workflows.control import ControlWorkflow


class Workflows:
    """Handlers of `/v1/workflows`."""

    def __init__(self, *, reads: ReadStore, control: ControlWorkflow) -> None:
        self._reads = reads
        self._control = control

    def handlers(self) -> dict[str, Handler]:
        """By the endpoint's name."""
        return {
            "list_workflows": self.list,
            "show_workflow": self.show,
            "show_history": self.history,
            "pause_workflow": self.pause,
            "resume_workflow": self.resume,
            "stop_workflow": self.stop,
            "retry_workflow": self.retry,
            "run_workflow_now": self.run_now,
            "skip_step": self.skip_step,
        }

    def list(self, request: Request) -> Answer:
        """A page of them, newest first."""
        asked: WorkflowFilter = request.query
        filters = asked.model_dump(exclude={"cursor", "limit"}, exclude_none=True)
        return told(WorkflowPage, self._reads.workflows(filters, asked.cursor, asked.limit))

    def show(self, request: Request) -> Answer:
        """One of them."""
        return told(Workflow, self._reads.workflow(instance_id(request)))

    def history(self, request: Request) -> Answer:
        """What it has done."""
        return told(
            HistoryPage,
            self._reads.history(instance_id(request), request.query.cursor, request.query.limit),
        )

    def pause(self, request: Request) -> Answer:
        """Hold the waiting task."""
        return told(Workflow, self._control.pause(instance_id(request), request.caller()))

    def resume(self, request: Request) -> Answer:
        """Go on."""
        return told(
            Workflow,
            self._control.resume(instance_id(request), request.body.clock, request.caller()),
        )

    def stop(self, request: Request) -> Answer:
        """Stop for good."""
        return told(Workflow, self._control.stop(instance_id(request), request.caller()))

    def retry(self, request: Request) -> Answer:
        """Take it up where it failed."""
        return told(Workflow, self._control.retry(instance_id(request), request.caller()))

    def run_now(self, request: Request) -> Answer:
        """Do not wait any longer."""
        return told(Workflow, self._control.run_now(instance_id(request), request.caller()))

    def skip_step(self, request: Request) -> Answer:
        """Leave a step out."""
        return told(Workflow, self._control.skip_step(instance_id(request), request.caller()))
