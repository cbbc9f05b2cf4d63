"""The routes of the api function: every call except the import by request."""

from __future__ import annotations

from typing import Protocol

from flamebot.actions.schema import definition_schema
from flamebot.http.endpoints import API, IMPORT
from flamebot.http.request import Request
from flamebot.http.response import Response
from flamebot.http.router import Router
from flamebot.http.routes.accounts import Accounts
from flamebot.http.routes.control import GlobalControl
from flamebot.http.routes.definitions import Definitions
from flamebot.http.routes.file_imports import ImportsByFile
from flamebot.http.routes.health import HealthChecks
from flamebot.http.routes.me import Caller
from flamebot.http.routes.services import Services
from flamebot.http.routes.stats import Statistics
from flamebot.http.routes.tasks import Tasks
from flamebot.http.routes.workflows import Workflows
from flamebot.ports.admin_store import AdminStore
from flamebot.ports.clock import Clock
from flamebot.ports.queue import StepQueue
from flamebot.ports.read_store import ReadStore
from flamebot.ports.telemetry import Telemetry
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.definitions.publish import PublishDefinition
from flamebot.services.imports.admin import FileImports
from flamebot.services.maintenance.health import CheckHealth
from flamebot.services.ticking.dispatch import DispatchDue
from flamebot.services.workflows.control import ControlWorkflow
from flamebot.services.workflows.start import StartWorkflow


class ApiSettings(Protocol):
    """The settings that the routes need."""

    @property
    def jwt_scope_prefix(self) -> str:
        """Return what precedes a scope's name in a token."""
        ...

    @property
    def stage(self) -> str:
        """Return the name of this deployment."""
        ...


def router(
    *,
    store: AdminStore,
    reads: ReadStore,
    catalog: DefinitionCatalog,
    imports: FileImports,
    queue: StepQueue,
    dispatcher: DispatchDue,
    clock: Clock,
    telemetry: Telemetry,
    settings: ApiSettings,
    checks: CheckHealth,
) -> Router:
    """Return the router of the api function."""
    start = StartWorkflow(
        store=store, reads=reads, catalog=catalog, queue=queue, clock=clock, telemetry=telemetry
    )
    control = ControlWorkflow(
        store=store,
        catalog=catalog,
        queue=queue,
        dispatcher=dispatcher,
        clock=clock,
        telemetry=telemetry,
    )
    publish = PublishDefinition(store=store, reads=reads, catalog=catalog)
    handlers = {
        **Accounts(store=store, reads=reads, start=start).handlers(),
        **Workflows(reads=reads, control=control).handlers(),
        **GlobalControl(store=store, control=control).handlers(),
        **Services(store=store, reads=reads).handlers(),
        **Definitions(reads=reads, publish=publish, schema=definition_schema).handlers(),
        **Statistics(reads=reads).handlers(),
        **Tasks(reads=reads).handlers(),
        **ImportsByFile(imports).handlers(),
        **HealthChecks(checks=checks, clock=clock).handlers(),
        **Caller(clock=clock, stage=settings.stage).handlers(),
        "show_openapi": _show_openapi,
    }
    return Router(
        API, handlers, scope_prefix=settings.jwt_scope_prefix, telemetry=telemetry, elsewhere=IMPORT
    )


def _show_openapi(request: Request) -> Response:  # noqa: ARG001  # every handler takes the request
    from flamebot.http import openapi  # noqa: PLC0415  # a cold start loads it for this call only

    return Response(status=200, body=openapi.document())
