"""The functions' settings, from environment variables. No other module reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, cast

from flamebot.domain.errors import FlamebotError


class Misconfigured(FlamebotError):
    """The function's environment variables are incomplete or invalid."""

    code = "misconfigured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of every function; template.yaml sets those that a function needs."""

    database_url: str | None
    db_host: str | None
    db_name: str
    db_user: str
    db_port: int
    db_master_secret_id: str | None
    aws_region: str
    lock_backend: Literal["dynamodb", "postgres"]
    lock_table: str
    lock_timeout: timedelta
    task_lease: timedelta
    step_queue_url: str
    import_queue_url: str
    import_bucket: str
    dead_letter_queue_url: str
    max_concurrent_tasks: int
    step_threads: int
    max_queued_tasks: int
    max_attempts: int
    max_reclaims: int
    retry_base: timedelta
    retry_cap: timedelta
    task_retention: timedelta
    history_retention: timedelta
    tick_horizon: timedelta
    call_timeout: timedelta
    give_up_after: timedelta
    breaker_probe_seconds: int
    breaker_failures: int
    breaker_share_percent: int
    breaker_ramp_per_second: int
    actions_base_url: str
    actions_token: str | None
    actions_token_secret_id: str | None
    ai_provider: Literal["openai", "template"]
    openai_api_key: str | None
    openai_secret_id: str | None
    openai_base_url: str | None
    openai_model: str
    credentials_kms_key_id: str
    jwt_scope_prefix: str
    stage: str
    health_check_period: timedelta
    schedule_clock_file: str | None
    sql_dir: str
    definitions_dir: str

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """Read the environment, with defaults. Raises `Misconfigured` for an invalid value."""

        # An empty variable counts as unset: a template cannot leave a variable out by a condition.
        def whole(name: str, default: int) -> int:
            text = env.get(name) or str(default)
            if not text.isdecimal():
                raise Misconfigured(f"{name} must be a whole number, not {text!r}")
            return int(text)

        def seconds(name: str, default: int) -> timedelta:
            return timedelta(seconds=whole(name, default))

        def choice(name: str, *allowed: str) -> str:
            text = env.get(name) or allowed[0]
            if text not in allowed:
                raise Misconfigured(f"{name} must be one of {', '.join(allowed)}, not {text!r}")
            return text

        return cls(
            database_url=env.get("DATABASE_URL") or None,
            db_host=env.get("DB_HOST") or None,
            db_name=env.get("DB_NAME") or "flamebot",
            db_user=env.get("DB_USER") or "",
            db_port=whole("DB_PORT", 5432),
            db_master_secret_id=env.get("DB_MASTER_SECRET_ID") or None,
            aws_region=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "eu-west-1",
            lock_backend=cast(
                Literal["dynamodb", "postgres"], choice("LOCK_BACKEND", "dynamodb", "postgres")
            ),
            lock_table=env.get("LOCK_TABLE") or "",
            lock_timeout=seconds("LOCK_TIMEOUT_SECONDS", 300),
            task_lease=seconds("TASK_LEASE_SECONDS", 90),
            step_queue_url=env.get("STEP_QUEUE_URL") or "",
            import_queue_url=env.get("IMPORT_QUEUE_URL") or "",
            import_bucket=env.get("IMPORT_BUCKET") or "",
            dead_letter_queue_url=env.get("DEAD_LETTER_QUEUE_URL") or "",
            max_concurrent_tasks=whole("MAX_CONCURRENT_TASKS", 10),
            step_threads=whole("STEP_THREADS", 5),
            max_queued_tasks=whole("MAX_QUEUED_TASKS", 20000),
            max_attempts=whole("MAX_ATTEMPTS", 3),
            max_reclaims=whole("MAX_RECLAIMS", 5),
            retry_base=seconds("RETRY_BASE_SECONDS", 30),
            retry_cap=seconds("RETRY_CAP_SECONDS", 300),
            task_retention=timedelta(days=whole("TASK_RETENTION_DAYS", 7)),
            history_retention=timedelta(days=whole("HISTORY_RETENTION_DAYS", 90)),
            tick_horizon=seconds("TICK_HORIZON_SECONDS", 120),
            call_timeout=seconds("CALL_TIMEOUT_SECONDS", 30),
            give_up_after=timedelta(hours=whole("GIVE_UP_AFTER_HOURS", 24)),
            breaker_probe_seconds=whole("BREAKER_PROBE_SECONDS", 15),
            breaker_failures=whole("BREAKER_FAILURES", 3),
            breaker_share_percent=whole("BREAKER_SHARE_PERCENT", 50),
            breaker_ramp_per_second=whole("BREAKER_RAMP_PER_SECOND", 10),
            actions_base_url=env.get("ACTIONS_BASE_URL") or "",
            actions_token=env.get("ACTIONS_TOKEN") or None,
            actions_token_secret_id=env.get("ACTIONS_TOKEN_SECRET_ID") or None,
            ai_provider=cast(
                Literal["openai", "template"], choice("AI_PROVIDER", "template", "openai")
            ),
            openai_api_key=env.get("OPENAI_API_KEY") or None,
            openai_secret_id=env.get("OPENAI_SECRET_ID") or None,
            openai_base_url=env.get("OPENAI_BASE_URL") or None,
            openai_model=env.get("OPENAI_MODEL") or "gpt-5-mini",
            credentials_kms_key_id=env.get("CREDENTIALS_KMS_KEY_ID") or "",
            jwt_scope_prefix=env.get("JWT_SCOPE_PREFIX", "flamebot/"),
            stage=env.get("STAGE") or "local",
            health_check_period=timedelta(minutes=whole("HEALTH_CHECK_MINUTES", 5)),
            schedule_clock_file=env.get("SCHEDULE_CLOCK_FILE") or None,
            sql_dir=env.get("SQL_DIR") or "/opt",
            definitions_dir=env.get("DEFINITIONS_DIR") or "/opt",
        )


def in_init_phase(env: Mapping[str, str] = os.environ) -> bool:
    """Return whether this process is a Lambda environment.

    Lambda sets the variable before it imports the function's module, that is, in the init phase.
    """
    return "AWS_LAMBDA_INITIALIZATION_TYPE" in env
