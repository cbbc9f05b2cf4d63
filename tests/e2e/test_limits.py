"""The limits as deployed: ten effects at once, locks and health checks of five minutes."""

from __future__ import annotations

import time

from tests.e2e.local_stack import LocalStack, wait_until
from tests.e2e.proof import aws, maintenance_passes, most_at_once, start_many

BIO = {"id": "bio", "action": "add_bio", "bio": "Fond of long walks.", "timeout": "30d"}
LOAD = 60


def test_at_most_ten_effects_at_once(stack: LocalStack) -> None:
    """With sixty due workflows and a slow service there are at most ten writes at once."""
    stack.publish("limited", [BIO])
    with stack.behaviour(latency=0.4):
        workflows = start_many(stack, [f"limited-{n}" for n in range(LOAD)], "limited")
        for workflow in workflows.values():
            assert stack.wait_over(workflow, 90)["status"] == "completed"
    writes = [
        write
        for write in stack.actions.get("/_sim/ledger").json()["writes"]
        if write["account"] in workflows
    ]
    assert len(writes) == 2 * LOAD, "each is registered and gets its text, once"
    assert 5 < most_at_once(writes) <= 10


def test_an_account_is_locked_for_five_minutes(stack: LocalStack) -> None:
    """During a write the account's lock names its holder and its expiry in five minutes."""
    stack.publish("locked", [BIO])
    dynamodb, table = aws(stack, "dynamodb"), stack.facts["lockTable"]

    def lock() -> dict[str, dict[str, str]]:
        item: dict[str, dict[str, str]] = dynamodb.get_item(
            TableName=table, Key={"account_id": {"S": "locked-1"}}
        ).get("Item", {})
        return (
            item if "expires_at" in item and "instance_id" in item else {}
        )  # the emulator also shows it while it is being written

    with stack.behaviour(latency=1.0):
        workflow = stack.start_workflow("locked-1", "locked")
        item = wait_until(lock, 20, "the lock")
        assert item["instance_id"]["S"] == workflow
        assert int(item["expires_at"]["N"]) - int(item["acquired_at"]["N"]) == 300_000
        assert stack.wait_over(workflow, 60)["status"] == "completed"
    wait_until(lambda: not lock(), 10, "the lock's release")


def test_health_is_checked_every_five_minutes(stack: LocalStack) -> None:
    """Maintenance runs every five minutes of schedule time and logs its findings."""
    begin = len(maintenance_passes(stack))
    began = time.monotonic()
    wait_until(lambda: len(maintenance_passes(stack)) >= begin + 4, 60, "four passes")
    took = (time.monotonic() - began) * stack.facts["speed"]
    assert 3 * 290 <= took <= 10 * 300  # four passes enclose at least three whole periods
    assert all(found["health"] in ("ok", "degraded") for found in maintenance_passes(stack)[begin:])
