"""The adapters and clients that functions share, each made once per process when first needed.

Imports stand inside the functions: a cold start loads only the adapters that its function uses.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from flamebot.config import Misconfigured, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from flamebot.adapters.aws.clients import Clients
    from flamebot.adapters.aws.secrets import Secrets
    from flamebot.adapters.postgres.connection import Database
    from flamebot.adapters.telemetry.powertools import PowertoolsTelemetry
    from flamebot.ports.clock import Clock
    from flamebot.ports.import_files import ImportFiles
    from flamebot.ports.locks import Locks
    from flamebot.ports.queue import StepQueue
    from flamebot.ports.writer import Writer

SECRET_MAX_AGE = timedelta(minutes=5)


@cache
def settings() -> Settings:
    """Return the settings, read once from the environment."""
    return Settings.from_env()


@cache
def clients() -> Clients:
    """Return the factory of AWS clients in the function's region."""
    from flamebot.adapters.aws.clients import Clients

    return Clients(settings().aws_region)


@cache
def aws(service: str, read_timeout: float = 5) -> Any:  # noqa: ANN401  # boto3 clients have no static type
    """Return a service's client, which is constructed at its first call.

    Args:
        service: The name of the service in boto3.
        read_timeout: Seconds to wait for a response.
    """
    return clients().client(service, read_timeout)


@cache
def secrets() -> Secrets:
    """Return the reader of secrets, which caches each for at most five minutes."""
    from flamebot.adapters.aws.secrets import Secrets

    return Secrets(aws("secretsmanager"), age=SECRET_MAX_AGE, wall=clock().wall)


def token(plain: str | None, secret_id: str | None, name: str) -> Callable[[], str]:
    """Return a reader of a token: the plain one of the environment, else the secret.

    The reader raises `Misconfigured` with `name` if neither is set.
    """

    def read() -> str:
        if plain:
            return plain
        if secret_id:
            return secrets().get(secret_id)
        raise Misconfigured(f"{name} is not set")

    return read


@cache
def clock() -> Clock:
    """Return the system's clock; on the local stack the schedule clock that it keeps in a file."""
    path = settings().schedule_clock_file
    if path:
        from flamebot.adapters.clock.schedule import ScheduleClock

        return ScheduleClock(path)
    from flamebot.adapters.clock.system import SystemClock

    return SystemClock()


@cache
def telemetry(service: str) -> PowertoolsTelemetry:
    """Return the logs and metrics of one function."""
    from flamebot.adapters.telemetry.powertools import PowertoolsTelemetry

    return PowertoolsTelemetry(service)


@cache
def database() -> Database:
    """Return the connection, which is opened at its first call: by DATABASE_URL, else by IAM."""
    from flamebot.adapters.postgres.connection import Database

    s = settings()
    if s.database_url:
        url = s.database_url
        return Database(lambda: url)
    if not s.db_host:
        raise Misconfigured("DATABASE_URL or DB_HOST must be set")
    host = s.db_host

    # Called for each new connection: an IAM token is valid for 15 minutes.
    def dsn() -> str:
        password = clients().login(host=host, port=s.db_port, user=s.db_user)
        return Database.dsn(
            host=host, port=s.db_port, name=s.db_name, user=s.db_user, password=password
        )

    return Database(dsn)


@cache
def queue() -> StepQueue:
    """Return the queue of claimed tasks."""
    from flamebot.adapters.sqs.queue import SqsStepQueue

    return SqsStepQueue(aws("sqs"), settings().step_queue_url)


@cache
def import_queue() -> StepQueue:
    """Return the import queue: upload events and wake-up messages."""
    from flamebot.adapters.sqs.queue import SqsStepQueue

    return SqsStepQueue(aws("sqs"), settings().import_queue_url)


@cache
def import_files() -> ImportFiles:
    """Return the bucket of uploaded files."""
    from flamebot.adapters.s3.files import S3ImportFiles

    return S3ImportFiles(aws("s3"), settings().import_bucket)


@cache
def locks() -> Locks:
    """Return the account locks, on the backend of the settings."""
    s = settings()
    if s.lock_backend == "postgres":
        from flamebot.adapters.postgres.locks import PostgresLocks

        return PostgresLocks(database(), timeout=s.lock_timeout, lease=s.task_lease)
    from flamebot.adapters.dynamodb.locks import DynamoLocks

    return DynamoLocks(aws("dynamodb"), s.lock_table, timeout=s.lock_timeout, lease=s.task_lease)


@cache
def writer() -> Writer:
    """Return the writer of texts, from the provider of the settings."""
    s = settings()
    if s.ai_provider == "openai":
        from flamebot.adapters.openai_writer.writer import OpenAiWriter

        key = token(s.openai_api_key, s.openai_secret_id, "OPENAI_API_KEY or OPENAI_SECRET_ID")
        return OpenAiWriter(
            key, base_url=s.openai_base_url, model=s.openai_model, timeout=s.call_timeout
        )
    from flamebot.adapters.template_writer.writer import TemplateWriter

    return TemplateWriter()
