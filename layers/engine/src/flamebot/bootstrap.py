"""The composition root: settings become adapters, adapters become services, once per process.

Imports stand inside the functions on purpose: a cold start pays only for what its function uses.
"""

from __future__ import annotations

import gc
from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from flamebot.config import Misconfigured, Settings, in_init_phase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flamebot.adapters.aws.clients import Clients
    from flamebot.adapters.aws.secrets import Secrets
    from flamebot.adapters.postgres.connection import Database
    from flamebot.adapters.telemetry.powertools import PowertoolsTelemetry
    from flamebot.http.router import Router
    from flamebot.ports.clock import Clock
    from flamebot.ports.import_files import ImportFiles
    from flamebot.ports.locks import Locks
    from flamebot.ports.queue import StepQueue
    from flamebot.ports.writer import Writer
    from flamebot.services.definitions.catalog import DefinitionCatalog
    from flamebot.services.imports.admin import FileImports
    from flamebot.services.imports.from_file import RunImport
    from flamebot.services.imports.from_request import ImportAccounts
    from flamebot.services.maintenance.health import CheckHealth, HealthStore
    from flamebot.services.maintenance.probes import RunProbes
    from flamebot.services.maintenance.run import RunMaintenance
    from flamebot.services.stepping.run_tasks import RunTasks
    from flamebot.services.ticking.dispatch import DispatchDue

_SECRET_MAX_AGE = timedelta(minutes=5)
_PROBE_TIMEOUT_SECONDS = 8.0  # of all probes together; API Gateway waits for 29


@cache
def settings() -> Settings:
    """The environment, read once."""
    return Settings.from_env()


def prepare(*builds: Callable[[], object], clients: Sequence[str] = ()) -> None:
    """On Lambda: build, and make these services' clients, in the init phase. What fails here fails again in the handler, and is told there.

    The init phase has a whole processor; an invocation has the part that its memory pays for.
    """
    if not in_init_phase():
        return
    with suppress(Exception):
        for build in builds:
            build()
        for service in clients:
            _ = aws(service).meta  # asked anything, it is made


def _freeze_gc() -> None:
    """What was loaded stays for good and needs no looking through; a batch of tasks or rows makes few cycles and many objects."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@cache
def _clients() -> Clients:
    from flamebot.adapters.aws.clients import Clients

    return Clients(settings().aws_region)


@cache
def aws(service: str, patience: float = 5) -> Any:  # noqa: ANN401  # clients are made at run time and have no static type
    """A service's client, made when something is first asked of it; it waits so many seconds for an answer."""
    return _clients().client(service, patience)


@cache
def secrets() -> Secrets:
    """Secrets, each kept for at most five minutes."""
    from flamebot.adapters.aws.secrets import Secrets

    return Secrets(aws("secretsmanager"), age=_SECRET_MAX_AGE, wall=clock().wall)


def _token(plain: str | None, secret_id: str | None, name: str) -> Callable[[], str]:
    def read() -> str:
        if plain:
            return plain
        if secret_id:
            return secrets().get(secret_id)
        raise Misconfigured(f"{name} is not set")

    return read


@cache
def clock() -> Clock:
    """The real clock; on the local stack the schedule clock that it keeps in a file."""
    path = settings().schedule_clock_file
    if path:
        from flamebot.adapters.clock.schedule import ScheduleClock

        return ScheduleClock(path)
    from flamebot.adapters.clock.system import SystemClock

    return SystemClock()


@cache
def telemetry(service: str) -> PowertoolsTelemetry:
    """Logs and metrics of one function."""
    from flamebot.adapters.telemetry.powertools import PowertoolsTelemetry

    return PowertoolsTelemetry(service)


@cache
def database() -> Database:
    """The connection, opened at first use: by DATABASE_URL, else by IAM."""
    from flamebot.adapters.postgres.connection import Database

    s = settings()
    if s.database_url:
        url = s.database_url
        return Database(lambda: url)
    if not s.db_host:
        raise Misconfigured("DATABASE_URL or DB_HOST must be set")
    host = s.db_host

    def dsn() -> str:
        token = _clients().login(host=host, port=s.db_port, user=s.db_user)
        return Database.dsn(
            host=host, port=s.db_port, name=s.db_name, user=s.db_user, password=token
        )

    return Database(dsn)


@cache
def queue() -> StepQueue:
    """The step queue."""
    from flamebot.adapters.sqs.queue import SqsStepQueue

    return SqsStepQueue(aws("sqs"), settings().step_queue_url)


@cache
def import_queue() -> StepQueue:
    """Return the import queue: upload events and wake-up messages."""
    from flamebot.adapters.sqs.queue import SqsStepQueue

    return SqsStepQueue(aws("sqs"), settings().import_queue_url)


@cache
def import_files() -> ImportFiles:
    """The bucket of files that wait to be imported."""
    from flamebot.adapters.s3.files import S3ImportFiles

    return S3ImportFiles(aws("s3"), settings().import_bucket)


@cache
def locks() -> Locks:
    """The account locks, on the backend that the settings name."""
    s = settings()
    if s.lock_backend == "postgres":
        from flamebot.adapters.postgres.locks import PostgresLocks

        return PostgresLocks(database(), timeout=s.lock_timeout, lease=s.task_lease)
    from flamebot.adapters.dynamodb.locks import DynamoLocks

    return DynamoLocks(aws("dynamodb"), s.lock_table, timeout=s.lock_timeout, lease=s.task_lease)


@cache
def writer() -> Writer:
    """Who writes texts."""
    s = settings()
    if s.ai_provider == "openai":
        from flamebot.adapters.openai_writer.writer import OpenAiWriter

        key = _token(s.openai_api_key, s.openai_secret_id, "OPENAI_API_KEY or OPENAI_SECRET_ID")
        return OpenAiWriter(
            key, base_url=s.openai_base_url, model=s.openai_model, timeout=s.call_timeout
        )
    from flamebot.adapters.template_writer.writer import TemplateWriter

    return TemplateWriter()


def _catalog(store: Any) -> DefinitionCatalog:  # noqa: ANN401  # EngineStore or AdminStore: both know definition_document()
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
    """Have every action there, and answer how many there are."""
    from flamebot.actions.registry import REGISTRY

    return len(REGISTRY)


@cache
def step() -> RunTasks:
    """The step function's service."""
    from flamebot.adapters.actions_api.client import ActionsApi
    from flamebot.adapters.kms.vault import KmsVault
    from flamebot.adapters.postgres.engine_store import PostgresEngineStore
    from flamebot.services.stepping.run_tasks import RunTasks

    s = settings()
    store = PostgresEngineStore(
        database(),
        clock(),
        horizon=s.tick_horizon,
        lease=s.task_lease,
        max_queued=s.max_queued_tasks,
    )
    _freeze_gc()
    return RunTasks(
        store=store,
        locks=locks(),
        service=ActionsApi(
            s.actions_base_url,
            _token(s.actions_token, s.actions_token_secret_id, "ACTIONS_TOKEN"),
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
    )


@cache
def tick() -> DispatchDue:
    """The tick's service."""
    return _dispatcher("tick")


def _dispatcher(service: str) -> DispatchDue:
    from flamebot.adapters.postgres.engine_store import PostgresEngineStore
    from flamebot.services.ticking.dispatch import DispatchDue

    s = settings()
    store = PostgresEngineStore(
        database(),
        clock(),
        horizon=s.tick_horizon,
        lease=s.task_lease,
        max_queued=s.max_queued_tasks,
    )
    return DispatchDue(
        store=store,
        queue=queue(),
        catalog=_catalog(store),
        clock=clock(),
        telemetry=telemetry(service),
    )


@cache
def importer() -> ImportAccounts:
    """The import's service."""
    from flamebot.adapters.kms.vault import KmsVault
    from flamebot.adapters.postgres.admin_store import PostgresAdminStore
    from flamebot.services.imports.from_request import ImportAccounts

    s = settings()
    store = PostgresAdminStore(database(), clock(), horizon=s.tick_horizon, lease=s.task_lease)
    vault, told = KmsVault(aws("kms"), s.credentials_kms_key_id), telemetry("import_accounts")
    return ImportAccounts(
        store=store,
        vault=vault,
        catalog=_catalog(store),
        queue=queue(),
        clock=clock(),
        telemetry=told,
    )


@cache
def import_file() -> RunImport:
    """The service of the function that imports files."""
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
    """The import function's one route."""
    from flamebot.http.routes.imports import router

    made = router(
        importer(), scope_prefix=settings().jwt_scope_prefix, telemetry=telemetry("import_accounts")
    )
    _freeze_gc()
    return made


@cache
def api_router() -> Router:
    """Every route but the import."""
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
    """The health check. Its clients time out sooner than those that do the work."""
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
    """The periodic pass."""
    from flamebot.adapters.postgres.imports import PostgresImportMaintenanceStore
    from flamebot.adapters.postgres.maintenance_store import PostgresMaintenanceStore
    from flamebot.services.imports.maintenance import MaintainImports
    from flamebot.services.maintenance.probes import run_in_sequence
    from flamebot.services.maintenance.run import RunMaintenance

    tasks, history, told = (
        settings().task_retention,
        settings().history_retention,
        telemetry("maintenance"),
    )
    store = PostgresMaintenanceStore(database(), clock())
    checks = _checks(store, "maintenance", run_in_sequence)
    extra_parts = {
        "imports": MaintainImports(
            store=PostgresImportMaintenanceStore(database()),
            wake_ups=import_queue(),
            telemetry=told,
        ).run
    }
    return RunMaintenance(
        store=store,
        checks=checks,
        task_retention=tasks,
        history_retention=history,
        clock=clock(),
        telemetry=told,
        extra_parts=extra_parts,
    )


def migrate_database() -> Mapping[str, Any]:
    """Apply `sql/` as the database's owner, then publish `definitions/`. Run again, it changes nothing."""
    from flamebot.adapters.definition_files.reader import read_definitions
    from flamebot.adapters.postgres.admin_store import PostgresAdminStore
    from flamebot.adapters.postgres.connection import Database
    from flamebot.adapters.postgres.migrations import migrate
    from flamebot.services.definitions.seed import seed_definitions

    s, dsn = settings(), _owner_dsn()
    report = migrate(dsn, s.sql_dir)
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
    login = json.loads(
        aws("secretsmanager").get_secret_value(SecretId=s.db_master_secret_id)["SecretString"]
    )  # not kept: it is rotated
    return Database.dsn(
        host=s.db_host,
        port=s.db_port,
        name=s.db_name,
        user=login["username"],
        password=login["password"],
    )
