"""Workflows: list, show, control."""

from __future__ import annotations

from flamebot.http.parameters import instance_id
from flamebot.http.request import Request
from flamebot.http.request_schemas import WorkflowFilter
from flamebot.http.response import Response, respond
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
        """Return the handlers by the names of their endpoints."""
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

    def list(self, request: Request) -> Response:
        """Return a page of workflows, newest first."""
        query: WorkflowFilter = request.query
        filters = query.model_dump(exclude={"cursor", "limit"}, exclude_none=True)
        return respond(WorkflowPage, self._reads.workflows(filters, query.cursor, query.limit))

    def show(self, request: Request) -> Response:
        """Return one workflow with its latest task."""
        return respond(Workflow, self._reads.workflow(instance_id(request)))

    def history(self, request: Request) -> Response:
        """Return a page of a workflow's history, oldest first."""
        query = request.query
        page = self._reads.history(instance_id(request), query.cursor, query.limit)
        return respond(HistoryPage, page)

    def pause(self, request: Request) -> Response:
        """Hold the waiting task of a workflow."""
        return respond(Workflow, self._control.pause(instance_id(request), request.caller()))

    def resume(self, request: Request) -> Response:
        """Release the held task of a workflow."""
        clock = request.body.clock
        return respond(
            Workflow, self._control.resume(instance_id(request), clock, request.caller())
        )

    def stop(self, request: Request) -> Response:
        """Stop the workflow for good."""
        return respond(Workflow, self._control.stop(instance_id(request), request.caller()))

    def retry(self, request: Request) -> Response:
        """Continue a failed workflow at the step that failed."""
        return respond(Workflow, self._control.retry(instance_id(request), request.caller()))

    def run_now(self, request: Request) -> Response:
        """Make the waiting task due now."""
        return respond(Workflow, self._control.run_now(instance_id(request), request.caller()))

    def skip_step(self, request: Request) -> Response:
        """Continue with the step after the waiting one."""
        return respond(Workflow, self._control.skip_step(instance_id(request), request.caller()))
