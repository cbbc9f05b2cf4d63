"""Any failure on a running stack fails `GET /health` and the maintenance pass within two checks.

Both succeed within two checks after the repair.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import httpx
import psycopg2
import pytest

from tests.e2e.local_stack import LocalStack, alive, wait_until
from tests.e2e.proof import assert_each_effect_once, aws, maintenance_passes, start_many

SPEED = 120  # a pass of maintenance every two seconds, a tick every half
SHORT = {
    "HEALTH_CHECK_MINUTES": "4",
    "TASK_LEASE_SECONDS": "6",
    "LOCK_TIMEOUT_SECONDS": "6",
    "CALL_TIMEOUT_SECONDS": "4",
}
REMEMBERED_SECONDS = 2.1  # the largest age of a cached response
BUDGET_SECONDS = 20  # of a response, whatever hangs: the gateway waits for 29
TICK_SECONDS = 30  # without a tick for so long the tick counts as dead, however fast the clock
BIO = {"id": "bio", "action": "add_bio", "bio": "Fond of long walks.", "timeout": "300d"}
Checks = dict[str, str]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """Start a healthy stack of the test's own."""
    running = LocalStack(
        tmp_path_factory.mktemp("health"), "--ephemeral", "--speed", str(SPEED), env=SHORT
    )
    try:
        running.publish("quick", [BIO])
        wait_until(
            (running.data_dir / "logs" / "maintenance.log").exists,
            20,
            "the first pass of maintenance",
        )
        assert_green(running)
        yield running
    finally:
        running.end()


def open_status(stack: LocalStack) -> int:
    """Return the status of the open route, 200 or 503."""
    answer = httpx.get(f"{stack.facts['apiUrl']}/health", timeout=30, trust_env=False)
    assert answer.json() == {"status": "ok" if answer.status_code == 200 else "unavailable"}
    assert "retry-after" in answer.headers or answer.status_code == 200
    return answer.status_code


def failing(stack: LocalStack) -> Checks:
    """Return the failing checks and their details, as operators get them."""
    checks = stack.api.get("/v1/health").raise_for_status().json()["checks"]
    return {check["name"]: check["detail"] for check in checks if not check["ok"]}


def within_two(ask: Callable[[], int], wanted: int) -> bool:
    """Return whether one of two checks gives this result."""
    if ask() == wanted:
        return True
    time.sleep(REMEMBERED_SECONDS)
    return ask() == wanted


def pass_with(stack: LocalStack, wanted: Callable[[list[str]], bool]) -> None:
    """Return whether one of the next two maintenance passes finds this."""
    earlier = len(maintenance_passes(stack))

    def look() -> list[bool]:
        found = [
            wanted(done["reasons"]) for done in maintenance_passes(stack)[earlier : earlier + 2]
        ]
        return found if any(found) or len(found) == 2 else []

    assert any(wait_until(look, 30, "two passes of maintenance")), maintenance_passes(stack)[
        earlier:
    ]


def names_it(name: str, reasons: list[str]) -> bool:
    """Return whether a check of this name is among the failing ones."""
    return any(reason.startswith(f"{name}: ") for reason in reasons)


def assert_red(stack: LocalStack, *names: str) -> None:
    """Assert that the open route, operators and the pass find the failure within two checks."""
    assert within_two(lambda: open_status(stack), 503)
    assert set(names) <= set(failing(stack))
    for name in names:
        pass_with(stack, partial(names_it, name))


def assert_green(stack: LocalStack) -> None:
    """Assert that within two checks all three report a healthy engine."""
    assert within_two(lambda: open_status(stack), 200), failing(stack)
    pass_with(stack, lambda reasons: reasons == [])
    assert failing(stack) == {}


def processes(stack: LocalStack, *words: str) -> list[int]:
    """Return the stack's processes with one of these words in their command line."""
    return [
        pid
        for pid, command in alive(stack.processes()).items()
        if any(word in command for word in words)
    ]


@contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    """Freeze processes for the length of a block."""
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def no_lock_table(stack: LocalStack) -> Iterator[None]:
    """Delete the lock table for the length of a block."""
    dynamodb, name = aws(stack, "dynamodb"), stack.facts["lockTable"]
    table = dynamodb.describe_table(TableName=name)["Table"]
    dynamodb.delete_table(TableName=name)
    yield
    dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=table["AttributeDefinitions"],
        KeySchema=table["KeySchema"],
        BillingMode="PAY_PER_REQUEST",
    )


@contextmanager
def no_queue(stack: LocalStack) -> Iterator[None]:
    """Delete the step queue for the length of a block."""
    sqs, url = aws(stack, "sqs"), stack.facts["queueUrl"]
    kept = sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["VisibilityTimeout", "RedrivePolicy"]
    )["Attributes"]
    sqs.delete_queue(QueueUrl=url)
    yield
    sqs.create_queue(QueueName=url.rpartition("/")[2], Attributes=kept)


@contextmanager
def read_only(stack: LocalStack) -> Iterator[None]:
    """Simulate a failover: connections are cut and the server is read-only."""
    cut = (
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )

    def become(setting: str) -> None:
        with closing(psycopg2.connect(stack.facts["databaseUrl"])) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in (
                    "set default_transaction_read_only = off",
                    f"alter database {connection.info.dbname} {setting}",
                    cut,
                ):
                    cursor.execute(statement)

    become("set default_transaction_read_only = on")
    yield
    become("reset default_transaction_read_only")


@pytest.mark.parametrize(
    ("plant", "name"),
    [(no_lock_table, "lock_table"), (no_queue, "queue"), (read_only, "database")],
    ids=["lock table gone", "queue gone", "database read-only"],
)
def test_what_is_gone(own: LocalStack, plant: Any, name: str) -> None:
    """A missing dependency, and its return, is reported by all three within two checks."""
    with plant(own):
        assert_red(own, name)
    assert_green(own)


def test_a_database_that_hangs(own: LocalStack) -> None:
    """A frozen database delays no response: both arrive in time and name the failing check."""
    with stopped(processes(own, "postgres")):
        began = time.monotonic()
        with ThreadPoolExecutor() as askers:
            anybody, operators = askers.submit(open_status, own), askers.submit(failing, own)
        assert time.monotonic() - began < BUDGET_SECONDS
        assert (anybody.result(), operators.result()) == (
            503,
            {"database": "no response within the timeout"},
        )
    assert_green(own)


def test_nothing_moves(own: LocalStack) -> None:
    """Frozen steps, then a frozen tick, each fail their own check within two checks.

    Once both continue, the work is done and all checks succeed.
    """
    with stopped(processes(own, "functions/step")):
        workflows = start_many(own, [f"stuck-{n}" for n in range(25)], "quick")
        own.clock("11h")  # five and a half minutes of wall time
        assert_red(own, "oldest_due")
        with stopped(processes(own, "functions/tick")):
            own.rows(
                "update engine_control"
                " set last_tick_at = last_tick_at - %s * interval '1 second' returning 1",
                TICK_SECONDS - 10,
            )
            time.sleep(
                10
            )  # longer than a lease; with the moved clock, as long as a tick may be missing
            assert_red(own, "last_tick", "expired_leases")
    wait_until(
        lambda: not own.rows("select 1 from workflow_instances where is_live"),
        30,
        "the end of all workflows",
    )
    assert_each_effect_once(own, workflows, ["updateBio"])
    assert_green(own)
