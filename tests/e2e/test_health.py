"""Whatever stands still on a running stack, `GET /health` and the periodic check turn red within two checks, and green after the repair."""

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
REMEMBERED_SECONDS = 2.1  # what anybody is told may be so old
BUDGET_SECONDS = 20  # of an answer, whoever hangs: the gateway waits for 29
TICK_SECONDS = 30  # no tick for so long is a dead tick, however fast the clock
BIO = {"id": "bio", "action": "add_bio", "bio": "Fond of long walks.", "timeout": "300d"}
Checks = dict[str, str]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack that has been found healthy."""
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
    """What anybody is told: 200 or 503, and no word about why."""
    answer = httpx.get(f"{stack.facts['apiUrl']}/health", timeout=30, trust_env=False)
    assert answer.json() == {"status": "ok" if answer.status_code == 200 else "unavailable"}
    assert "retry-after" in answer.headers or answer.status_code == 200
    return answer.status_code


def failing(stack: LocalStack) -> Checks:
    """What operators are told: the checks that fail, and why."""
    checks = stack.api.get("/v1/health").raise_for_status().json()["checks"]
    return {check["name"]: check["detail"] for check in checks if not check["ok"]}


def within_two(ask: Callable[[], int], wanted: int) -> bool:
    """Whether one of two checks answers this."""
    if ask() == wanted:
        return True
    time.sleep(REMEMBERED_SECONDS)
    return ask() == wanted


def pass_with(stack: LocalStack, wanted: Callable[[list[str]], bool]) -> None:
    """One of the next two passes of maintenance finds this."""
    told = len(maintenance_passes(stack))

    def look() -> list[bool]:
        found = [wanted(done["reasons"]) for done in maintenance_passes(stack)[told : told + 2]]
        return found if any(found) or len(found) == 2 else []

    assert any(wait_until(look, 30, "two passes of maintenance")), maintenance_passes(stack)[told:]


def names_it(name: str, reasons: list[str]) -> bool:
    """Whether a check of this name is among the reasons."""
    return any(reason.startswith(f"{name}: ") for reason in reasons)


def assert_red(stack: LocalStack, *names: str) -> None:
    """Anybody, operators and the periodic pass are told within two checks from now on."""
    assert within_two(lambda: open_status(stack), 503)
    assert set(names) <= set(failing(stack))
    for name in names:
        pass_with(stack, partial(names_it, name))


def assert_green(stack: LocalStack) -> None:
    """Within two checks all of them say that all is well."""
    assert within_two(lambda: open_status(stack), 200), failing(stack)
    pass_with(stack, lambda reasons: reasons == [])
    assert failing(stack) == {}


def processes(stack: LocalStack, *words: str) -> list[int]:
    """The stack's processes with one of these words in their command."""
    return [
        pid
        for pid, command in alive(stack.processes()).items()
        if any(word in command for word in words)
    ]


@contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    """Processes that hang: they neither work nor die."""
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
    """The lock table is gone."""
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
    """The step queue is gone."""
    sqs, url = aws(stack, "sqs"), stack.facts["queueUrl"]
    kept = sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["VisibilityTimeout", "RedrivePolicy"]
    )["Attributes"]
    sqs.delete_queue(QueueUrl=url)
    yield
    sqs.create_queue(QueueName=url.rpartition("/")[2], Attributes=kept)


@contextmanager
def read_only(stack: LocalStack) -> Iterator[None]:
    """A failover: every connection is cut, and the server takes no change."""
    cut = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"

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
    """Red within two checks in all three places; once it is there again, green within two."""
    with plant(own):
        assert_red(own, name)
    assert_green(own)


def test_a_database_that_hangs(own: LocalStack) -> None:
    """Frozen with all its processes, it takes an answer from nobody: both answers come in time and say which check failed."""
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
    """Steps hang: what was sent is not begun. Then the tick hangs too: leases run out by the dozen, and no tick comes.

    Each has its check, red within two of them; both alive again, the work is done and all is green.
    """
    with stopped(processes(own, "functions/step")):
        workflows = start_many(own, [f"stuck-{n}" for n in range(25)], "quick")
        own.clock("11h")  # five minutes and a half of the real clock
        assert_red(own, "oldest_due")
        with stopped(processes(own, "functions/tick")):
            own.rows(
                "update engine_control set last_tick_at = last_tick_at - %s * interval '1 second' returning 1",
                TICK_SECONDS - 10,
            )
            time.sleep(
                10
            )  # longer than a lease; with what was moved, as long as a tick may be away
            assert_red(own, "last_tick", "expired_leases")
    wait_until(
        lambda: not own.rows("select 1 from workflow_instances where is_live"),
        30,
        "the end of all workflows",
    )
    assert_each_effect_once(own, workflows, ["updateBio"])
    assert_green(own)
