"""The composition root: the services of the functions, each made once per process.

Imports stand inside the functions: a cold start loads only what its function uses.
"""

from __future__ import annotations

import gc
from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from flamebot.config import Misconfigured, in_init_phase
from flamebot.resources import (
    aws,
    clock,
    database,
    import_files,
    import_queue,
    locks,
    queue,
    settings,
    telemetry,
    token,
    writer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flamebot.adapters.postgres.engine_store import PostgresEngineStore
    from flamebot.http.router import Router
    from flamebot.services.definitions.catalog import DefinitionCatalog
    from flamebot.services.imports.admin import FileImports
    from flamebot.services.imports.from_file import RunImport
    from flamebot.services.imports.from_request import ImportAccounts
    from flamebot.services.maintenance.health import CheckHealth, HealthStore
    from flamebot.services.maintenance.probes import RunProbes
    from flamebot.services.maintenance.run import RunMaintenance
    from flamebot.services.stepping.run_tasks import RunTasks
    from flamebot.services.ticking.dispatch import DispatchDue

__all__ = [
    "actions",
    "api_router",
    "database",
    "import_file",
    "import_router",
    "maintenance",
    "migrate_database",
    "prepare",
    "step",
    "telemetry",
    "tick",
]

_PROBE_TIMEOUT_SECONDS = 8.0  # of all probes together; API Gateway waits for 29


def prepare(*builds: Callable[[], object], clients: Sequence[str] = ()) -> None:
    """Build services and construct AWS clients in Lambda's init phase; elsewhere do nothing.

    The init phase has a whole processor, an invocation the share that its memory pays for. An
    error is suppressed here: the handler builds again, and its error is logged.
    """
    if not in_init_phase():
        return
    # An error in the init phase would make Lambda import the module again for each event, and
    # show the error in a traceback.
    with suppress(Exception):
        for build in builds:
            build()
        for service in clients:
            _ = aws(service).meta  # any access constructs the client


def _freeze_gc() -> None:
    """Exclude loaded modules from garbage collection, and collect less often.

    A batch of tasks or rows makes many objects and few cycles.
    """
    # The collector would otherwise walk all loaded modules with every full collection.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _catalog(store: Any) -> DefinitionCatalog:  # noqa: ANN401  # any store with definition_document
    from flamebot.actions.registry import REGISTRY
    from flamebot.domain.backoff import EnginePolicy
    from flamebot.services.definitions.catalog import DefinitionCatalog

    s = settings()
    policy = EnginePolicy(
        max_attempts=s.max_attempts,
        max_reclaims=s.max_reclaims,
        retry_base=s.retry_base,
        retry_cap=s.retry_cap,
    )
    return DefinitionCatalog(store, REGISTRY, policy)


def actions() -> int:
    """Load every action and return how many there are; for the init phase."""
    from flamebot.actions.registry import REGISTRY

    return len(REGISTRY)


@cache
def step() -> RunTasks:
    """Return the service of the step function."""
    from flamebot.adapters.actions_api.client import ActionsApi
    from flamebot.adapters.kms.vault import KmsVault
    from flamebot.services.stepping.run_tasks import RunTasks

    s = settings()
    store = _engine_store()
    _freeze_gc()
    return RunTasks(
        store=store,
        locks=locks(),
        service=ActionsApi(
            s.actions_base_url,
            token(s.actions_token, s.actions_token_secret_id, "ACTIONS_TOKEN"),
            timeout=s.call_timeout,
        ),
        vault=KmsVault(aws("kms"), s.credentials_kms_key_id),
        writer=writer(),
        queue=queue(),
        catalog=_catalog(store),
        clock=clock(),
        telemetry=telemetry("step"),
        threads=s.step_threads,
        call_timeout=s.call_timeout,
        give_up_after=s.give_up_after,
    )


def _engine_store() -> PostgresEngineStore:
    from flamebot.adapters.postgres.engine_store import PostgresEngineStore

    s = settings()
    return PostgresEngineStore(
        database(),
        clock(),
        horizon=s.tick_horizon,
        lease=s.task_lease,
        max_queued=s.max_queued_tasks,
    )


@cache
def tick() -> DispatchDue:
    """Return the service of the tick function."""
    return _dispatcher("tick")


def _dispatcher(service: str) -> DispatchDue:
    from flamebot.services.ticking.dispatch import DispatchDue

    store = _engine_store()
    return DispatchDue(
        store=store,
        queue=queue(),
        catalog=_catalog(store),
        clock=clock(),
        telemetry=telemetry(service),
        give_up_after=settings().give_up_after,
    )


@cache
def importer() -> ImportAccounts:
    """Return the service of the import by request."""
    from flamebot.adapters.kms.vault import KmsVault
    from flamebot.adapters.postgres.admin_store import PostgresAdminStore
    from flamebot.services.imports.from_request import ImportAccounts

    s = settings()
    store = PostgresAdminStore(database(), clock(), horizon=s.tick_horizon, lease=s.task_lease)
    return ImportAccounts(
        store=store,
        vault=KmsVault(aws("kms"), s.credentials_kms_key_id),
        catalog=_catalog(store),
        queue=queue(),
        clock=clock(),
        telemetry=telemetry("import_accounts"),
    )


@cache
def import_file() -> RunImport:
    """Return the service of the import by file."""
    from flamebot.adapters.kms.vault import KmsVault
    from flamebot.adapters.postgres.imports import PostgresImportStore
    from flamebot.services.imports.from_file import RunImport

    s = settings()
    store = PostgresImportStore(
        database(),
        clock(),
        horizon=s.tick_horizon,
        task_lease=s.task_lease,
        import_lease=timedelta(seconds=90),
        queue_capacity=s.max_queued_tasks,
    )
    made = RunImport(
        store=store,
        files=import_files(),
        vault=KmsVault(aws("kms"), s.credentials_kms_key_id),
        catalog=_catalog(store),
        steps=queue(),
        wake_ups=import_queue(),
        clock=clock(),
        telemetry=telemetry("import_file"),
    )
    _freeze_gc()
    return made


def _file_imports(catalog: DefinitionCatalog) -> FileImports:
    from flamebot.adapters.postgres.imports import PostgresImportAdminStore
    from flamebot.services.imports.admin import FileImports

    return FileImports(
        store=PostgresImportAdminStore(database()),
        files=import_files,
        catalog=catalog,
        wake_ups=import_queue(),
        clock=clock(),
    )


@cache
def import_router() -> Router:
    """Return the router of the import_accounts function."""
    from flamebot.http.routes.imports import router

    made = router(
        importer(), scope_prefix=settings().jwt_scope_prefix, telemetry=telemetry("import_accounts")
    )
    _freeze_gc()
    return made


@cache
def api_router() -> Router:
    """Return the router of the api function."""
    from flamebot.adapters.postgres.admin_store import PostgresAdminStore
    from flamebot.adapters.postgres.read_store import PostgresReadStore
    from flamebot.http.routes.api import router
    from flamebot.services.maintenance.probes import RunWithTimeout

    s = settings()
    store = PostgresAdminStore(database(), clock(), horizon=s.tick_horizon, lease=s.task_lease)
    reads = PostgresReadStore(database(), clock())
    catalog = _catalog(store)
    return router(
        store=store,
        reads=reads,
        catalog=catalog,
        imports=_file_imports(catalog),
        queue=queue(),
        dispatcher=_dispatcher("api"),
        clock=clock(),
        telemetry=telemetry("api"),
        settings=s,
        checks=_checks(reads, "api", RunWithTimeout(_PROBE_TIMEOUT_SECONDS, clock())),
    )


def _checks(store: HealthStore, service: str, run_probes: RunProbes) -> CheckHealth:
    """Return the health check. Its clients time out sooner than those that do the work."""
    from flamebot.adapters.dynamodb.probes import probe_table
    from flamebot.adapters.sqs.probes import probe_dead_letters, probe_queue
    from flamebot.services.maintenance.health import CheckHealth

    s = settings()
    probes: dict[str, Callable[[], object]] = {
        "queue": lambda: probe_queue(aws("sqs", 2), s.step_queue_url)
    }
    if s.dead_letter_queue_url:
        probes["dead_letters"] = lambda: probe_dead_letters(aws("sqs", 2), s.dead_letter_queue_url)
    if s.lock_table and s.lock_backend == "dynamodb":
        probes["lock_table"] = lambda: probe_table(aws("dynamodb", 2), s.lock_table)
    return CheckHealth(
        store=store,
        max_concurrent_tasks=s.max_concurrent_tasks,
        maintenance_period=s.health_check_period,
        clock=clock(),
        telemetry=telemetry(service),
        probes=probes,
        run_probes=run_probes,
    )


@cache
def maintenance() -> RunMaintenance:
    """Return the service of the maintenance function."""
    from flamebot.adapters.postgres.imports import PostgresImportMaintenanceStore
    from flamebot.adapters.postgres.maintenance_store import PostgresMaintenanceStore
    from flamebot.services.imports.maintenance import MaintainImports
    from flamebot.services.maintenance.probes import run_in_sequence
    from flamebot.services.maintenance.run import RunMaintenance

    s = settings()
    store = PostgresMaintenanceStore(database(), clock())
    imports = MaintainImports(
        store=PostgresImportMaintenanceStore(database()),
        wake_ups=import_queue(),
        telemetry=telemetry("maintenance"),
    )
    return RunMaintenance(
        store=store,
        checks=_checks(store, "maintenance", run_in_sequence),
        task_retention=s.task_retention,
        history_retention=s.history_retention,
        clock=clock(),
        telemetry=telemetry("maintenance"),
        extra_parts={"imports": imports.run},
    )


def migrate_database() -> Mapping[str, Any]:
    """Apply `sql/` as the database's owner, then publish `definitions/`. Idempotent."""
    from flamebot.adapters.definition_files.reader import read_definitions
    from flamebot.adapters.postgres.admin_store import PostgresAdminStore
    from flamebot.adapters.postgres.connection import Database
    from flamebot.adapters.postgres.migrations import BreakerThresholds, migrate
    from flamebot.services.definitions.seed import seed_definitions

    s, dsn = settings(), _owner_dsn()
    thresholds = BreakerThresholds(
        probe_seconds=s.breaker_probe_seconds,
        failures=s.breaker_failures,
        share=s.breaker_share_percent / 100,
        ramp_per_second=s.breaker_ramp_per_second,
    )
    report = migrate(dsn, s.sql_dir, thresholds)
    store = PostgresAdminStore(
        Database(lambda: dsn), clock(), horizon=s.tick_horizon, lease=s.task_lease
    )
    seeded = seed_definitions(store, read_definitions(s.definitions_dir), _catalog(store).issues)
    return {"migrations": report.migrations, "definitions": seeded}


def _owner_dsn() -> str:
    import json

    from flamebot.adapters.postgres.connection import Database

    s = settings()
    if s.database_url:
        return s.database_url
    if not s.db_host or not s.db_master_secret_id:
        raise Misconfigured("DATABASE_URL, or DB_HOST and DB_MASTER_SECRET_ID, must be set")
    # Read for each run and not cached, because RDS rotates this secret.
    login = json.loads(
        aws("secretsmanager").get_secret_value(SecretId=s.db_master_secret_id)["SecretString"]
    )
    return Database.dsn(
        host=s.db_host,
        port=s.db_port,
        name=s.db_name,
        user=login["username"],
        password=login["password"],
    )
