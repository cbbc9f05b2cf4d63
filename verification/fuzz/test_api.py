"""schemathesis against the API behind its gateway.

Every response is one that the description names.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from devstack.aws.gateway import Gateway
from devstack.tokens import Verifier
from tests.security.front import ROOT, Front
from tests.support.stores import failed
from verification.fuzz.effort import CASES, SEED, Tally

CONFIG = Path(__file__).with_name("schemathesis.toml")
OPENAPI = ROOT / "docs" / "openapi.json"
PHASES = ("examples", "coverage", "fuzzing", "stateful")
ENDINGS = ("pause", "stop", "skip-step", "run-now")
# Random values rarely give these: a valid definition (test_definitions has them), an existing
# type for an account without a workflow,
# an account's id (the test of deleted ones follows those), and an import's id where links to it
# are not followed.
UNREACHED = {
    ("PUT", "/v1/definitions/{type}"),
    ("POST", "/v1/accounts/{id}/workflows"),
    ("GET", "/v1/accounts/{id}"),
    ("DELETE", "/v1/accounts/{id}"),
    ("GET", "/v1/imports/{id}/rejects"),
    ("POST", "/v1/imports/{id}/cancel"),
}


def populate(front: Front) -> None:
    """Create workflows for the calls to find: waiting, paused, stopped, completed and failed."""
    rows = [
        {
            "accountId": f"mine-{number}",
            "modelId": "m",
            "channelId": "c",
            "credentials": {"token": "x"},
        }
        for number in range(24)
    ]
    started = [
        result["workflow"]["instanceId"]
        for result in front.load(*rows, start=True, workflow_type="aggressive")
    ]
    for number, workflow in enumerate(started):
        if number % 5 < len(ENDINGS):
            front.api.post(f"/v1/workflows/{workflow}/{ENDINGS[number % 5]}").raise_for_status()
    for _ in range(6):
        failed(front.database)
    for size in (1, 1000):
        front.api.post("/v1/imports", json={"bytes": size}).raise_for_status()


def fuzz(front: Front, *arguments: str, url: str, report: Path) -> tuple[int, dict[str, Any], str]:
    """Run schemathesis; return its exit status, its report and its output."""
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "--config-file",
        str(CONFIG),
        "run",
        str(OPENAPI),
        "--url",
        url,
        "--header",
        f"Authorization: Bearer {front.token}",
        "--seed",
        str(SEED),
        "--continue-on-failure",
        "--no-color",
        "--report",
        "json",
        "--report-json-path",
        str(report),
        *arguments,
    ]
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONPATH" and "proxy" not in name.lower()
    }
    done = subprocess.run(
        command, cwd=report.parent, env=environment, capture_output=True, text=True, check=False
    )
    return (
        done.returncode,
        json.loads(report.read_text()) if report.exists() else {},
        done.stdout + done.stderr,
    )


def test_every_answer_is_one_that_the_description_names(front: Front, tmp_path: Path) -> None:
    """S8: no 5xx, nothing undocumented, bad input refused, good input accepted."""
    populate(front)
    arguments = (
        ("--max-examples", str(CASES), "--generation-database", "none")
        if CASES
        else ("--generation-deterministic",)
    )
    status, report, output = fuzz(
        front, *arguments, url=front.gateway.url, report=tmp_path / "report.json"
    )
    assert status == 0, output[-20_000:]
    assert report["operations"]["tested"] == report["operations"]["total"] == 37
    assert {name: phase["status"] for name, phase in report["phases"].items()} == dict.fromkeys(
        PHASES, "success"
    )
    Tally.cases += report["test_cases"]["generated"]
    assert report["test_cases"]["generated"] > 1000
    logged = [entry for entry in front.log_entries() if "message" in entry]
    assert [
        entry for entry in logged if entry["message"] in ("request_failed", "invocation_failed")
    ] == []
    answered = Counter(
        (entry["method"], entry["route"])
        for entry in logged
        if entry["message"] == "request_handled" and entry["status"] < 300
    )
    described = {
        (method.upper(), path)
        for path, item in json.loads(OPENAPI.read_text())["paths"].items()
        for method in item
    }
    assert described - answered.keys() <= UNREACHED, "what never succeeds is not tested"


def test_nothing_is_left_of_what_was_deleted(front: Front, tmp_path: Path) -> None:
    """An account that was deleted is 404 in every order of import, show, delete and show."""
    operations = ("import_accounts", "show_account", "delete_account", "start_workflow")
    chosen = [
        argument for operation in operations for argument in ("--include-operation-id", operation)
    ]
    arguments = (
        ("--max-examples", str(CASES), "--generation-database", "none")
        if CASES
        else ("--generation-deterministic",)
    )

    def answered(method: str, status: int) -> int:
        wanted = (method, "/v1/accounts/{id}", status)
        return sum(
            (entry.get("method"), entry.get("route"), entry.get("status")) == wanted
            for entry in front.log_entries()
        )

    shown, deleted = answered("GET", 200), answered("DELETE", 204)
    status, report, output = fuzz(
        front,
        *chosen,
        *arguments,
        "--phases",
        "stateful",
        "--mode",
        "positive",
        url=front.gateway.url,
        report=tmp_path / "report.json",
    )
    assert status == 0, output[-20_000:]
    Tally.cases += report["test_cases"]["generated"]
    assert answered("DELETE", 204) - deleted > 2, "else nothing was used after it was gone"
    assert answered("GET", 200) - shown > 2


def broken(function: Any, name: str, event: dict[str, Any]) -> Any:
    """An API with one fault of each kind that schemathesis looks for."""
    context = event["requestContext"]
    path, method = event["rawPath"], context["http"]["method"]
    context.setdefault(
        "authorizer",
        {"jwt": {"claims": {"sub": "anybody", "scope": "flamebot/read flamebot/admin"}}},
    )
    if path == "/v1/stats/due":
        event["rawQueryString"] = ""
    answer = function(name, event)
    match (method, path.split("/")[2]):
        case ("GET", "definitions"):
            answer["headers"].pop("ETag", None)
        case ("GET", "control"):
            answer["body"] = answer["body"].replace('"paused"', '"resting"')
        case ("GET", "health"):
            answer["headers"]["Content-Type"] = "text/html"
        case ("GET", "tasks"):
            answer["statusCode"] = 500
        case ("POST", "control"):
            answer["statusCode"] = 299
        case _:
            pass
    return answer


def test_the_fuzzer_finds_what_it_looks_for(front: Front, tmp_path: Path) -> None:
    """The fuzzer finds each of six planted faults, and the gateway that requires no token."""
    routes = [replace(route, authorized=False) for route in front.template.routes()]

    def invoke(name: str, event: dict[str, Any]) -> Any:
        return broken(
            lambda function, given: front.functions[function].invoke(given, timeout=20),
            name,
            event,
        )

    gateway = Gateway(routes, Verifier(front.home), invoke, {})
    gateway.start()
    try:
        operations = (
            "show_due",
            "list_definitions",
            "show_control",
            "show_health",
            "list_failed_tasks",
            "pause_all",
        )
        chosen = [
            argument
            for operation in operations
            for argument in ("--include-operation-id", operation)
        ]
        arguments = (*chosen, "--phases", "coverage", "--generation-deterministic")
        _, report, _ = fuzz(front, *arguments, url=gateway.url, report=tmp_path / "report.json")
    finally:
        gateway.stop()
    found = {
        (failure["type"], operation)
        for failure in report["failures"]
        for operation in failure["operations"]
    }
    assert found >= {
        ("IgnoredAuth", "GET /v1/stats/due"),
        ("AcceptedNegativeData", "GET /v1/stats/due"),
        ("MissingHeaders", "GET /v1/definitions"),
        ("JsonSchemaError", "GET /v1/control"),
        ("UndefinedContentType", "GET /v1/health"),
        ("ServerError", "GET /v1/tasks/failed"),
        ("UndefinedStatusCode", "POST /v1/control/pause-all"),
    }, found
