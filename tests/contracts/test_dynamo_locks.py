"""Promises that only the DynamoDB adapter makes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flamebot.adapters.dynamodb.locks import DynamoLocks
from flamebot.domain.errors import LocksUnavailable
from flamebot.ports.locks import Holder, Verdict
from tests.contracts.endpoints import client, free_port

HOLDER = Holder(delivery_id="n1", instance_id="i-1", sequence=1, fence=1)
OTHER = Holder(delivery_id="n2", instance_id="i-2", sequence=1, fence=1)


def test_a_table_that_cannot_be_reached_is_unavailable() -> None:
    """An unreachable table raises `LocksUnavailable` from acquire and release alike."""
    unreachable = client("dynamodb", f"http://127.0.0.1:{free_port()}")
    locks = DynamoLocks(
        unreachable, "locks", timeout=timedelta(seconds=300), lease=timedelta(seconds=90)
    )
    with pytest.raises(LocksUnavailable):
        locks.acquire("a", HOLDER)
    with pytest.raises(LocksUnavailable):
        locks.release("a", "n1")


def test_a_table_that_is_missing_is_unavailable(aws: Callable[[str], Any]) -> None:
    """An error of the service is `LocksUnavailable` and names the service's code."""
    locks = DynamoLocks(
        aws("dynamodb"),
        "no-such-table",
        timeout=timedelta(seconds=300),
        lease=timedelta(seconds=90),
    )
    with pytest.raises(LocksUnavailable, match="ResourceNotFoundException"):
        locks.acquire("a", HOLDER)


def test_expiry_never_waits_for_the_sweep(aws: Callable[[str], Any], lock_table: str) -> None:
    """A lock expires by the clock and its item.

    The table's own expiry comes a day later and is not relied on.
    """
    now = datetime(2026, 3, 1, tzinfo=UTC)
    locks = DynamoLocks(
        aws("dynamodb"),
        lock_table,
        timeout=timedelta(seconds=300),
        lease=timedelta(seconds=90),
        wall=lambda: now,
    )
    locks.acquire("swept", HOLDER)
    item = aws("dynamodb").get_item(TableName=lock_table, Key={"account_id": {"S": "swept"}})[
        "Item"
    ]
    assert int(item["expires_at"]["N"]) == (now + timedelta(seconds=300)).timestamp() * 1000
    assert int(item["ttl"]["N"]) == (now + timedelta(seconds=300, days=1)).timestamp()
    now += timedelta(seconds=299)
    assert locks.acquire("swept", OTHER).verdict is Verdict.HELD
    now += timedelta(seconds=1)
    assert locks.acquire("swept", OTHER).verdict is Verdict.ACQUIRED
