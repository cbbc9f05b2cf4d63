"""OpenAPI links: which value of a response is a parameter of which other call.

Readers and API fuzzers follow them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flamebot.http.endpoints import TABLE
from flamebot.http.response_schemas import Workflow

_WORKFLOW_CALLS = tuple(
    endpoint.name for endpoint in TABLE if endpoint.path.startswith("/v1/workflows/{id}")
)
_IMPORT_CALLS = tuple(
    endpoint.name for endpoint in TABLE if endpoint.path.startswith("/v1/imports/{id}")
)
_ACCOUNT_CALLS = ("show_account", "start_workflow", "delete_account")


def _to(operations: tuple[str, ...], **parameters: str) -> dict[str, Any]:
    values = {name: f"$response.body#/{pointer}" for name, pointer in parameters.items()}
    return {operation: {"operationId": operation, "parameters": values} for operation in operations}


# A deleted account leads to itself: a client may check that it is gone.
_DELETED: Mapping[str, Any] = {
    "show_account": {"operationId": "show_account", "parameters": {"id": "$request.path.id"}}
}

LINKS: Mapping[str, Mapping[str, Any]] = {
    "import_accounts": {
        **_to(_ACCOUNT_CALLS, id="results/0/accountId"),
        **_to(_WORKFLOW_CALLS, id="results/0/workflow/instanceId"),
    },
    "create_import": _to(_IMPORT_CALLS, id="importId"),
    "show_import": _to(_IMPORT_CALLS, id="importId"),
    "list_imports": {
        **_to(_IMPORT_CALLS, id="items/0/importId"),
        **_to(("list_imports",), cursor="nextCursor"),
    },
    "show_account": _to(_ACCOUNT_CALLS, id="accountId"),
    "delete_account": _DELETED,
    **{
        endpoint.name: {**_to(_WORKFLOW_CALLS, id="id"), **_to(_ACCOUNT_CALLS, id="accountId")}
        for endpoint in TABLE
        if endpoint.response is Workflow
    },
    "list_workflows": {
        **_to(_WORKFLOW_CALLS, id="items/0/id"),
        **_to(("list_workflows",), cursor="nextCursor"),
    },
    "list_failed_tasks": {
        **_to(("retry_workflow",), id="items/0/instanceId"),
        **_to(("list_failed_tasks",), cursor="nextCursor"),
    },
    "list_definitions": _to(("show_definition",), type="items/0/type"),
    "publish_definition": {
        **_to(("show_definition",), type="type"),
        **_to(("show_definition_version",), type="type", version="version"),
    },
    "show_definition": _to(("show_definition_version",), type="type", version="version"),
}
"""The links of each operation, for each of its successful responses."""
