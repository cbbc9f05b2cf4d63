"""Accounts: shown without credentials, erased, given a workflow."""

from __future__ import annotations

from flamebot.http.answer import Answer, told
from flamebot.http.parameters import account_id
from flamebot.http.request import Request
from flamebot.http.response_schemas import Account, Workflow
from flamebot.http.router import Handler
from flamebot.ports.control_store import ControlStore
from flamebot.ports.read_store import ReadStore
from flamebot.services.workflows.start import StartWorkflow


class Accounts:
    """Handlers of `/v1/accounts/{id}`."""

    def __init__(self, *, store: ControlStore, reads: ReadStore, start: StartWorkflow) -> None:
        self._store = store
        self._reads = reads
        self._start = start

    def handlers(self) -> dict[str, Handler]:
        """By the endpoint's name."""
        return {
            "show_account": self.show,
            "delete_account": self.delete,
            "start_workflow": self.start,
        }

    def show(self, request: Request) -> Answer:
        """The account."""
        return told(Account, self._reads.account(account_id(request)))

    def delete(self, request: Request) -> Answer:
        """Erase it; 409 while a workflow is live."""
        self._store.delete_account(account_id(request), request.caller())
        return Answer(status=204)

    def start(self, request: Request) -> Answer:
        """201, and where the workflow is."""
        workflow = self._start.run(
            account_id(request), request.body.workflow_type, request.caller()
        )
        return told(
            Workflow, workflow, status=201, headers={"Location": f"/v1/workflows/{workflow['id']}"}
        )
