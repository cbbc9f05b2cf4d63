"""The functions, loaded as by Lambda: event in, response out, metrics on standard output."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flamebot import bootstrap, resources
from tests.integration.http.conftest import Api
from tests.support.gateway import make_event

ROOT = Path(__file__).resolve().parents[3]


class Context:
    """The context object of an invocation."""

    aws_request_id = "the-invocation"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


def forget() -> None:
    """Clear all caches as in a new environment, except the loggers, which Powertools keeps."""
    for made in (*vars(bootstrap).values(), *vars(resources).values()):
        if hasattr(made, "cache_clear") and made is not bootstrap.telemetry:
            made.cache_clear()


@pytest.fixture
def invoke(
    http: Api, aws_endpoint: str, key_id: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Any]]:
    """Return a function that calls a handler with the environment of template.yaml."""
    environment = {
        "DATABASE_URL": http.database.url,
        "STEP_QUEUE_URL": http.queue_url,
        "CREDENTIALS_KMS_KEY_ID": key_id,
        "AWS_ENDPOINT_URL": aws_endpoint,
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def call(function: str, event: dict[str, Any]) -> Any:
        spec = importlib.util.spec_from_file_location(
            "app", ROOT / "functions" / function / "app.py"
        )
        assert spec is not None
        assert spec.loader is not None
        app = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(app)
        return app.handler(event, Context())

    forget()
    yield call
    bootstrap.database().close()
    forget()


def test_an_account_through_both_functions(
    invoke: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """One function imports an account, the other one controls its workflow; both emit metrics."""
    body = {
        "accounts": [
            {"accountId": "a", "modelId": "m", "channelId": "c", "credentials": {"t": "hunter2"}}
        ],
        "startAutomation": True,
    }
    imported = invoke("import_accounts", make_event("POST", "/v1/accounts/import", body=body))
    assert imported["statusCode"] == 200, imported
    instance_id = json.loads(imported["body"])["results"][0]["workflow"]["instanceId"]
    paused = invoke(
        "api", make_event("POST", f"/v1/workflows/{instance_id}/pause", body={"reason": "trial"})
    )
    assert (paused["statusCode"], json.loads(paused["body"])["status"]) == (200, "paused")
    written = capsys.readouterr().out
    assert "hunter2" not in written
    lines = [json.loads(line) for line in written.splitlines()]
    metrics = {name for line in lines if "_aws" in line for name in line}
    assert {"AccountsImported", "AccountsRejected", "WorkflowsStarted"} <= metrics
    assert [line["route"] for line in lines if line.get("message") == "request_handled"] == [
        "/v1/accounts/import",
        "/v1/workflows/{id}/pause",
    ]


def test_health_probes_the_dependencies(invoke: Callable[..., Any]) -> None:
    """The probes use the queue's URL, and the lock table only where locks are kept in it."""
    health = invoke("api", make_event("GET", "/v1/health"))
    checks = {check["name"]: check["ok"] for check in json.loads(health["body"])["checks"]}
    assert (checks["database"], checks["queue"], "lock_table" in checks) == (True, True, False)


def test_the_maintenance(
    invoke: Callable[..., Any], http: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    """The maintenance reports the health, deletes old rows and emits its gauges."""
    http.started()
    http.call(
        "POST", f"/v1/workflows/{http.call('GET', '/v1/workflows').body['items'][0]['id']}/stop"
    )
    http.database.rows(
        "update scheduled_tasks set finished_at = finished_at - interval '8 days',"
        " created_at = created_at - interval '8 days'"
    )
    http.database.rows("update engine_control set last_tick_at = last_tick_at - interval '1 hour'")
    done = invoke("maintenance", {"source": "aws.events"})
    assert (done["health"], done["tasks"], len(done["reasons"])) == ("degraded", 1, 1)
    assert done["reasons"][0].startswith("last_tick: Last tick finished ")
    written = capsys.readouterr().out
    assert "OldestDueAge" in written
    assert "health_degraded" in written
