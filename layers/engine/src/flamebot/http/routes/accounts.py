"""Accounts: show without credentials, delete, start a workflow."""

from __future__ import annotations

from flamebot.http.parameters import account_id
from flamebot.http.request import Request
from flamebot.http.response import Response, respond
from flamebot.http.response_schemas import Account, Workflow
from flamebot.http.router import Handler
from flamebot.ports.admin_store import AdminStore
from flamebot.ports.read_store import ReadStore
from flamebot.services.workflows.start import StartWorkflow


class Accounts:
    """Handlers of `/v1/accounts/{id}`."""

    def __init__(self, *, store: AdminStore, reads: ReadStore, start: StartWorkflow) -> None:
        self._store = store
        self._reads = reads
        self._start = start

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their endpoints."""
        return {
            "show_account": self.show,
            "delete_account": self.delete,
            "start_workflow": self.start,
        }

    def show(self, request: Request) -> Response:
        """Return the account without its credentials."""
        return respond(Account, self._reads.account(account_id(request)))

    def delete(self, request: Request) -> Response:
        """Delete the account; 409 while a workflow is live."""
        self._store.delete_account(account_id(request), request.caller())
        return Response(status=204)

    def start(self, request: Request) -> Response:
        """Start a workflow: 201 with its location."""
        workflow = self._start.run(
            account_id(request), request.body.workflow_type, request.caller()
        )
        headers = {"Location": f"/v1/workflows/{workflow['id']}"}
        return respond(Workflow, workflow, status=201, headers=headers)
