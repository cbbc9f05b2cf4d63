"""The environment variables of a function on this machine, from template, stack and operator."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path

from devstack.aws.emulator import CREDENTIALS, REGION
from devstack.aws.template import FunctionSpec, Template

# Variables that change how the engine works and may be set for `flamebot dev`. Addresses (database,
# queue, lock table, key, emulator) are not among them: a DATABASE_URL or AWS profile that happens
# to be set may belong to something else.
OVERRIDABLE = (
    "LOCK_BACKEND", "LOCK_TIMEOUT_SECONDS", "TASK_LEASE_SECONDS", "MAX_CONCURRENT_TASKS",
    "STEP_THREADS", "MAX_QUEUED_TASKS", "MAX_ATTEMPTS", "MAX_RECLAIMS", "RETRY_BASE_SECONDS",
    "RETRY_CAP_SECONDS", "TASK_RETENTION_DAYS", "HISTORY_RETENTION_DAYS", "TICK_HORIZON_SECONDS",
    "CALL_TIMEOUT_SECONDS", "HEALTH_CHECK_MINUTES", "JWT_SCOPE_PREFIX",
    "GIVE_UP_AFTER_HOURS", "BREAKER_PROBE_SECONDS", "BREAKER_FAILURES", "BREAKER_SHARE_PERCENT",
    "BREAKER_RAMP_PER_SECOND",
    "AI_PROVIDER", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL",
)  # fmt: skip
LOCAL_ONLY = ("DATABASE_URL", "SCHEDULE_CLOCK_FILE")
_PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "LD_LIBRARY_PATH",
)


def overrides(env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are set for `flamebot dev` and override the template."""
    return {
        name: value
        for name, value in env.items()
        if name in OVERRIDABLE or name.startswith("POWERTOOLS_")
    }


def step_concurrency(mapped: int, overridden: Mapping[str, str], threads: int) -> tuple[int, int]:
    """Return the number of concurrent step invocations and of threads in each.

    Their product is MAX_CONCURRENT_TASKS, which overrides both if it is set.
    """
    wanted = overridden.get("MAX_CONCURRENT_TASKS")
    if wanted is None:
        return mapped, threads
    threads = max(1, min(threads, int(wanted)))
    return max(1, math.floor(int(wanted) / threads)), threads


def function_variables(
    spec: FunctionSpec, stack: Mapping[str, str], overridden: Mapping[str, str], *, endpoint: str
) -> dict[str, str]:
    """Return the environment variables of a function's process.

    Args:
        spec: The function in the template.
        stack: The stack's values for variables that the template declares.
        overridden: The operator's values, which win.
        endpoint: The URL of the AWS emulator.
    """
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    no_proxy = ",".join(filter(None, (os.environ.get("NO_PROXY", ""), "127.0.0.1,localhost")))
    return {
        "PATH": os.defpath,
        **passed_on,
        "NO_PROXY": no_proxy,
        "TZ": "UTC",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_LAMBDA_FUNCTION_NAME": spec.logical_id,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory),
        "LAMBDA_TASK_ROOT": str(spec.code),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        **CREDENTIALS,
        **spec.environment,
        # Only variables that the template declares for this function: one more would hide a mistake
        # in the template.
        **{
            name: value
            for name, value in stack.items()
            if name in spec.environment or name in LOCAL_ONLY
        },
        **overridden,
    }


def layer_paths(spec: FunctionSpec, template: Template) -> list[Path]:
    """Return the source folders of the function's layers."""
    return [path / "src" for path in map(template.layer, spec.layers) if (path / "src").is_dir()]
