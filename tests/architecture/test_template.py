"""The template's timeouts fit together, and it sets every variable that the engine reads."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from flamebot.config import Settings
from flamebot.services.time_budget import TimeBudget

SECOND = 1
STEP_TIMEOUT = 60 * SECOND


def _variables(template: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    return {**shared, **properties.get("Environment", {}).get("Variables", {})}


def _default(template: dict[str, Any], value: object) -> Any:
    """Return a literal, or the default of the parameter that it refers to."""
    return template["Parameters"][value["Ref"]]["Default"] if isinstance(value, dict) else value


def test_the_step_function_takes_at_most_ten_messages_and_waits_for_none(
    functions: dict[str, Any],
) -> None:
    """More than ten messages would need a batching window, which would make tasks late."""
    (source,) = functions["step"]["Events"].values()
    assert source["Type"] == "SQS"
    assert 1 <= source["Properties"]["BatchSize"] <= 10
    assert "MaximumBatchingWindowInSeconds" not in source["Properties"]
    assert source["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_concurrency_of_steps_is_a_parameter_of_at_least_two(
    template: dict[str, Any], functions: dict[str, Any]
) -> None:
    """Lambda's event source mapping refuses a concurrency of less than two."""
    (source,) = functions["step"]["Events"].values()
    parameter = template["Parameters"][
        source["Properties"]["ScalingConfig"]["MaximumConcurrency"]["Ref"]
    ]
    assert parameter["MinValue"] >= 2
    assert parameter["Default"] >= 2


def test_a_message_stays_hidden_for_six_timeouts_and_comes_five_times(
    resources: dict[str, Any], functions: dict[str, Any]
) -> None:
    """With less than six timeouts a message could reappear while its invocation still runs."""
    queue = resources["StepQueue"]["Properties"]
    assert functions["step"]["Timeout"] == STEP_TIMEOUT
    assert queue["VisibilityTimeout"] >= 6 * STEP_TIMEOUT
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["StepDeadLetterQueue", "Arn"]},
        "maxReceiveCount": 5,
    }
    assert queue["SqsManagedSseEnabled"] is True
    dead = resources["StepDeadLetterQueue"]["Properties"]
    assert dead["SqsManagedSseEnabled"] is True
    assert dead["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]


def test_an_imports_message_stays_hidden_for_six_timeouts(
    resources: dict[str, Any], functions: dict[str, Any]
) -> None:
    """The same holds for imports; a worker with little time left stores no further chunk."""
    worker = functions["import_file"]
    queue = resources["ImportQueue"]["Properties"]
    assert queue["VisibilityTimeout"] >= 6 * worker["Timeout"]
    assert worker["Timeout"] > 2 * TimeBudget.CHUNK_RESERVE
    (source,) = worker["Events"].values()
    assert source["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["Properties"]["BatchSize"] == 1
    assert (
        queue["SqsManagedSseEnabled"]
        is resources["ImportDeadLetterQueue"]["Properties"]["SqsManagedSseEnabled"]
        is True
    )


def test_the_constants_fit_together(template: dict[str, Any], functions: dict[str, Any]) -> None:
    """Call, timeout, lease, lock and horizon fit together (docs/explanation/architecture.md)."""
    step = _variables(template, functions["step"])
    call = int(step["CALL_TIMEOUT_SECONDS"])
    lease = int(step["TASK_LEASE_SECONDS"])
    lock = template["Parameters"]["LockTimeoutSeconds"]
    assert call <= 40
    assert call + 15 < STEP_TIMEOUT
    assert lease >= STEP_TIMEOUT + 30
    assert lock["Default"] == 300
    assert lock["MinValue"] >= lease
    (tick,) = functions["tick"]["Events"].values()
    assert tick["Properties"]["Schedule"] == "rate(1 minute)"
    assert int(step["TICK_HORIZON_SECONDS"]) == 2 * 60
    shared = template["Globals"]["Function"]["Timeout"]
    assert functions["import_accounts"].get("Timeout", shared) <= 29
    assert functions["api"].get("Timeout", shared) <= 29
    assert functions["tick"]["Timeout"] < 60


def test_the_limit_of_effects_is_the_product_that_it_says(
    template: dict[str, Any], root: Path
) -> None:
    """MAX_CONCURRENT_TASKS is invocations times threads in each stage, ten by default."""
    defaults = {
        name: str(p["Default"]) for name, p in template["Parameters"].items() if "Default" in p
    }
    assert defaults["MaxConcurrentTasks"] == "10"
    stages = tomllib.loads((root / "samconfig.toml").read_text())
    for stage in ("dev", "prod"):
        overrides = dict(
            pair.split("=", 1)
            for pair in stages[stage]["deploy"]["parameters"]["parameter_overrides"]
        )
        assert set(overrides) <= set(defaults), stage
        values = {**defaults, **overrides}
        assert int(values["StepConcurrency"]) * int(values["StepThreads"]) == int(
            values["MaxConcurrentTasks"]
        ), stage


def test_every_variable_is_one_that_the_engine_reads(
    template: dict[str, Any], functions: dict[str, Any], root: Path
) -> None:
    """Every variable is known to the engine: a misspelt one would leave the default in place."""
    known = set(
        re.findall(
            r'"([A-Z][A-Z0-9_]+)"', (root / "layers/engine/src/flamebot/config.py").read_text()
        )
    )
    for name, properties in functions.items():
        unknown = {
            variable
            for variable in _variables(template, properties)
            if variable not in known and not variable.startswith("POWERTOOLS_")
        }
        assert unknown == set(), name


def test_the_settings_can_be_read_from_the_defaults(
    template: dict[str, Any], functions: dict[str, Any]
) -> None:
    """The template's values are valid settings and equal the defaults in the code."""
    for properties in functions.values():
        literal = {
            name: _default(template, value)
            for name, value in _variables(template, properties).items()
            if _is_known(template, value)
        }
        settings = Settings.from_env({name: str(value) for name, value in literal.items()})
        plain = Settings.from_env({})
        for name in (
            "task_lease",
            "tick_horizon",
            "lock_timeout",
            "max_concurrent_tasks",
            "step_threads",
            "max_queued_tasks",
            "max_attempts",
            "max_reclaims",
            "retry_base",
            "retry_cap",
            "task_retention",
            "history_retention",
            "call_timeout",
            "health_check_period",
        ):
            assert getattr(settings, name) == getattr(plain, name), name


def _is_known(template: dict[str, Any], value: object) -> bool:
    return not isinstance(value, dict) or value.get("Ref") in template["Parameters"]


def test_every_function_runs_as_itself(functions: dict[str, Any]) -> None:
    """Each function has its own role, database user and log group, and a name for its metrics."""
    assert len({json.dumps(p["Role"]) for p in functions.values()}) == len(functions)
    assert len({json.dumps(p["LoggingConfig"]) for p in functions.values()}) == len(functions)
    users = {name: p["Environment"]["Variables"].get("DB_USER") for name, p in functions.items()}
    assert users == {
        "import_accounts": "flamebot_import",
        "import_file": "flamebot_import_file",
        "api": "flamebot_api",
        "tick": "flamebot_tick",
        "step": "flamebot_step",
        "maintenance": "flamebot_maintenance",
        "migrate": None,
    }
    assert {
        name: p["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
        for name, p in functions.items()
    } == {name: name for name in functions}


def test_a_variable_holds_no_secret(template: dict[str, Any], functions: dict[str, Any]) -> None:
    """Secrets are read by their id; no parameter has one as its value."""
    for properties in functions.values():
        variables = _variables(template, properties)
        assert not {"ACTIONS_TOKEN", "OPENAI_API_KEY"} & set(variables)
        assert variables["DATABASE_URL"] == ""
    assert [
        name
        for name in template["Parameters"]
        if re.search("password|token|secret|apikey", name, re.IGNORECASE)
    ] == []


def test_everything_at_rest_is_encrypted_and_the_database_is_private(
    resources: dict[str, Any],
) -> None:
    """Data is encrypted, Postgres is private, and its password is managed by RDS."""
    database = resources["Database"]["Properties"]
    assert database["StorageEncrypted"] is True
    assert database["PubliclyAccessible"] is False
    assert database["ManageMasterUserPassword"] is True
    assert database["EnableIAMDatabaseAuthentication"] is True
    assert database["EngineVersion"].split(".")[0] == "18"
    assert resources["DatabaseParameters"]["Properties"]["Family"] == "postgres18"
    parameters = resources["DatabaseParameters"]["Properties"]["Parameters"]
    assert parameters["rds.force_ssl"] == "1"
    assert parameters["jit"] == "0"
    table = resources["LockTable"]["Properties"]
    assert table["KeySchema"] == [{"AttributeName": "account_id", "KeyType": "HASH"}]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["SSESpecification"]["SSEEnabled"] is True
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True


def test_only_what_shows_nothing_is_open(
    functions: dict[str, Any], resources: dict[str, Any]
) -> None:
    """Every route needs a token, except the open health check and the OpenAPI document."""
    assert resources["HttpApi"]["Properties"]["Auth"]["DefaultAuthorizer"] == "Jwt"
    routes = [
        event["Properties"]
        for p in functions.values()
        for event in p.get("Events", {}).values()
        if event["Type"] == "HttpApi"
    ]
    open_routes = {
        (r["Method"], r["Path"]) for r in routes if r.get("Auth", {}).get("Authorizer") == "NONE"
    }
    assert open_routes == {("GET", "/health"), ("GET", "/openapi.json")}
    assert {(r["Method"], r["Path"]) for r in routes} - open_routes == {
        ("POST", "/v1/accounts/import"),
        ("ANY", "/v1/{proxy+}"),
    }


def test_the_access_log_holds_no_content(resources: dict[str, Any]) -> None:
    """The access log has no bodies, headers or query strings."""
    written = set(
        re.findall(
            r"\$context\.([A-Za-z.]+)",
            resources["HttpApi"]["Properties"]["AccessLogSettings"]["Format"],
        )
    )
    assert written == {
        "requestId",
        "requestTime",
        "identity.sourceIp",
        "routeKey",
        "status",
        "responseLatency",
        "authorizer.claims.sub",
        "error.message",
    }


def test_code_waits_for_the_migration(resources: dict[str, Any]) -> None:
    """Functions are updated after the migration, which runs whenever a layer changed."""
    for name, resource in resources.items():
        if resource["Type"] == "AWS::Serverless::Function" and name != "MigrateFunction":
            assert resource["DependsOn"] == "Migration", name
    watched = resources["Migration"]["Properties"]
    assert {"EngineLayer", "SqlLayer", "DefinitionsLayer"} == {
        value["Ref"] for value in watched.values() if isinstance(value, dict) and "Ref" in value
    }


def test_a_late_tick_is_not_made_up_for(functions: dict[str, Any]) -> None:
    """Scheduled events are not retried, and dropped when they are older than a minute."""
    wanted = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
    for name in ("tick", "maintenance"):
        (rule,) = functions[name]["Events"].values()
        assert rule["Properties"]["RetryPolicy"] == wanted
        assert functions[name]["EventInvokeConfig"] == wanted


def test_nothing_but_the_layer_is_built(resources: dict[str, Any]) -> None:
    """A function's folder is deployed as it is; dependencies are in the layer."""
    for name, resource in resources.items():
        if resource["Type"] == "AWS::Serverless::Function":
            assert resource["Metadata"] == {"SkipBuild": True}, name
    assert resources["EngineLayer"]["Metadata"]["BuildMethod"] == "makefile"
    assert "Metadata" not in resources["SqlLayer"]
