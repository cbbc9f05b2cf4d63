"""The local stack with its emulator.

It measures the import over HTTP, and lateness at a rate that the emulator can follow.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.database import ROOT, Session
from bench.figures import Figure, figure
from bench.run import Run

_ACCOUNTS = 20_000
_PER_REQUEST = 1000
_CLIENTS = 2
_WARM_REQUESTS = 6
_PER_SECOND = 5
_SECONDS = 75
_START_SECONDS = 60
_LATE = """
select extract(epoch from t.started_at - t.scheduled_for)::float8
  from scheduled_tasks t join workflow_instances i on i.id = t.workflow_instance_id
 where i.account_id like 'late-%%' and t.sequence = 1 and t.started_at is not null
"""


def measure(run: Run) -> list[Figure]:
    """Start a stack, use it over HTTP as a client does, and stop it."""
    with tempfile.TemporaryDirectory(dir=ROOT / ".bench") as folder:
        data = Path(folder)
        with (data / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "cli.main", "dev", "--port", "0", "--data-dir", str(data)],
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        try:
            stack = _ready(data, process)
            late = _lateness(run, stack)
            rate = _import(run, stack)
        finally:
            process.terminate()
            process.wait(30)
    return [
        figure(
            "lateness_local_stack_p50_seconds",
            statistics.median(late),
            "s",
            f"{len(late)} tasks, {_PER_SECOND} a second",
        ),
        figure(
            "lateness_local_stack_p99_seconds",
            late[int(len(late) * 0.99)],
            "s",
            f"the latest {late[-1]:.3f} s",
        ),
        figure(
            "import_accounts_per_second",
            rate,
            "1/s",
            (
                f"{_PER_REQUEST:,} a request, {_CLIENTS} clients, "
                f"credentials encrypted, automation started"
            ),
        ),
    ]


def _ready(data: Path, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    give_up = time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        try:
            document: dict[str, Any] = json.loads((data / "stack.json").read_text())
        except (OSError, ValueError):
            time.sleep(0.2)
        else:
            return document
    raise AssertionError((data / "log").read_text()[-2000:])


def _call(
    stack: dict[str, Any], method: str, path: str, body: object, **headers: str
) -> dict[str, Any]:
    request = urllib.request.Request(
        stack["apiUrl"] + path,
        method=method,
        data=json.dumps(body).encode(),
        headers={
            "authorization": f"Bearer {stack['token']}",
            "content-type": "application/json",
            **headers,
        },
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        document: dict[str, Any] = json.loads(answer.read())
    return document


def _accounts(first: int, count: int, prefix: str) -> list[dict[str, Any]]:
    return [
        {
            "accountId": f"{prefix}-{number}",
            "modelId": "model-1",
            "channelId": "channel-1",
            "credentials": {"username": f"user-{number}", "password": f"secret-{number}"},
            "config": {"city": "Lisbon"},
        }
        for number in range(first, first + count)
    ]


def _lateness(run: Run, stack: dict[str, Any]) -> list[float]:
    """Measure workflows whose first wait is a random time in a range."""
    seconds = run.seconds(_SECONDS)
    steps = [
        {"id": "rest", "action": "wait", "delay": {"min": "3s", "max": f"{3 + seconds}s"}},
        {"id": "end", "action": "wait", "delay": "30d"},
    ]
    _call(
        stack,
        "PUT",
        "/v1/definitions/late",
        {"type": "late", "name": "Late", "description": "", "config": {}, "steps": steps},
        **{"If-None-Match": "*"},
    )
    count = seconds * _PER_SECOND
    body = {
        "accounts": _accounts(0, count, "late"),
        "startAutomation": True,
        "workflowType": "late",
    }
    assert _call(stack, "POST", "/v1/accounts/import", body)["started"] == count
    session = Session(stack["databaseUrl"])
    try:
        give_up = time.monotonic() + seconds + 30
        rows: list[tuple[Any, ...]] = []
        while len(rows) < count and time.monotonic() < give_up:
            time.sleep(2)
            rows = session.rows(_LATE)
    finally:
        session.close()
    assert len(rows) == count, f"{len(rows)} of {count} tasks were begun"
    return sorted(value for (value,) in rows)


def _import(run: Run, stack: dict[str, Any]) -> float:
    """Return accounts per second over HTTP with several requests at once."""
    accounts = run.size(_ACCOUNTS, least=6000)
    steps = [{"id": "rest", "action": "wait", "delay": "30d"}]
    _call(
        stack,
        "PUT",
        "/v1/definitions/sleep",
        {"type": "sleep", "name": "Sleep", "description": "", "config": {}, "steps": steps},
        **{"If-None-Match": "*"},
    )

    def post(first: int) -> int:
        body = {
            "accounts": _accounts(first, _PER_REQUEST, "bulk"),
            "startAutomation": True,
            "workflowType": "sleep",
        }
        return int(_call(stack, "POST", "/v1/accounts/import", body)["started"])

    with ThreadPoolExecutor(_CLIENTS) as clients:
        # An environment for each client, and the statements' lasting plans: cold starts are another
        # figure.
        list(
            clients.map(
                post, range(10_000_000, 10_000_000 + _WARM_REQUESTS * _PER_REQUEST, _PER_REQUEST)
            )
        )
        begun = time.perf_counter()
        started = sum(clients.map(post, range(0, accounts, _PER_REQUEST)))
        spent = time.perf_counter() - begun
    assert started == accounts
    return accounts / spent
