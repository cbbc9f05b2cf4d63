"""The functions' handlers wired as deployed: only the environment says where each dependency is."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from devstack.postgres import Server
from flamebot import bootstrap, resources
from tests.integration.services.engine import SECRET, Engine, swipe
from tests.support.databases import PASSWORD

ROOT = Path(__file__).resolve().parents[3]


class Context:
    """The context object that Lambda passes to a handler."""

    aws_request_id = "request-1"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 60_000


def load(function: str) -> ModuleType:
    """Load a function by its file, as Lambda does."""
    path = ROOT / "functions" / function / "app.py"
    spec = importlib.util.spec_from_file_location(f"function_{function}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def forget() -> None:
    """Make bootstrap read the environment anew."""
    # Powertools sets up one logger per service and process, so telemetry is kept.
    for made in (*vars(bootstrap).values(), *vars(resources).values()):
        if hasattr(made, "cache_clear") and made is not bootstrap.telemetry:
            made.cache_clear()


@pytest.fixture
def deployed(
    engine: Engine,
    postgres: Server,
    aws_endpoint: str,
    queue_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[str], ModuleType]]:
    """Return a function that sets a function's environment and loads it."""

    def deploy(function: str) -> ModuleType:
        forget()
        environment = {
            "DATABASE_URL": postgres.url(
                engine.database.name, user=f"flamebot_{function}", password=PASSWORD
            ),
            "LOCK_BACKEND": "postgres",
            "STEP_QUEUE_URL": queue_url,
            "ACTIONS_BASE_URL": engine.actions.url,
            "ACTIONS_TOKEN": engine.actions.token,
            "CREDENTIALS_KMS_KEY_ID": engine.vault._key_id,  # type: ignore[attr-defined]  # the vault of these tests is KMS's
            "CALL_TIMEOUT_SECONDS": "2",
            "SCHEDULE_CLOCK_FILE": str(engine.setter.path),
            "AWS_ENDPOINT_URL": aws_endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "eu-west-1",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return load(function)

    yield deploy
    bootstrap.database().close()
    bootstrap.step()._phases._service.close()  # type: ignore[attr-defined]  # in production it lives as long as the process
    forget()


@pytest.fixture
def queue_url(aws: Callable[[str], Any], tmp_path: Path) -> str:
    """A step queue for one test."""
    return str(
        aws("sqs").create_queue(QueueName=f"steps-{tmp_path.name.replace('_', '-')}"[:80])[
            "QueueUrl"
        ]
    )


def test_a_batch_of_messages_is_run(
    engine: Engine, deployed: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    """Readable messages are run, and the unreadable one is reported as failed."""
    engine.define(swipe())
    engine.start()
    (body,) = engine.queue.take()
    records = [{"messageId": "good", "body": body}, {"messageId": "bad", "body": "?"}]
    answer = deployed("step").handler({"Records": records}, Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert len(engine.writes("startSwipeTask")) == 1
    written = capsys.readouterr().out
    lines = [json.loads(line) for line in written.splitlines()]
    assert any("LockAcquired" in line for line in lines)
    assert {"instance", "task", "attempt", "fence"} <= set(
        next(line for line in lines if line.get("message") == "task_ran")
    )
    assert SECRET not in written


def test_a_tick_claims_and_sends(
    engine: Engine,
    deployed: Callable[[str], ModuleType],
    aws: Callable[[str], Any],
    queue_url: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Due tasks are sent to SQS, and the tick returns their number."""
    engine.define({"id": "rest", "action": "wait", "delay": "150s"})
    engine.start()
    engine.setter.advance(149)
    answer = deployed("tick").handler({}, Context())
    assert (answer["claimed"], answer["sent"]) == (1, 1)
    received = aws("sqs").receive_message(QueueUrl=queue_url, WaitTimeSeconds=2).get("Messages", [])
    assert len(received) == 1
    assert "TickHeartbeat" in capsys.readouterr().out
