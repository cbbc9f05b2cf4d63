"""The simulation's lock table evaluates conditions as moto's DynamoDB does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import boto3
import moto
import pytest

from flamebot.adapters.dynamodb.locks import DynamoLocks
from flamebot.ports.locks import Holder
from verification.simulation import aws
from verification.simulation.scheduler import START

TABLE = "locks"


class Applied:
    """A client on a dictionary."""

    def __init__(self) -> None:
        self.items: dict[str, aws.Item] = {}

    def update_item(self, **request: Any) -> Any:
        return self._call("UpdateItem", request)

    def delete_item(self, **request: Any) -> Any:
        return self._call("DeleteItem", request)

    def _call(self, operation: str, request: dict[str, Any]) -> Any:
        if error := aws.apply(self.items, operation, request):
            raise error
        return {}


@pytest.fixture
def dynamo(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of moto, in this process."""
    for name, value in {"AWS_ACCESS_KEY_ID": "unused", "AWS_SECRET_ACCESS_KEY": "nothing"}.items():
        monkeypatch.setenv(name, value)
    with moto.mock_aws():
        client: Any = boto3.client("dynamodb", region_name="eu-west-1")
        client.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "account_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "account_id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


def test_both_tables_answer_alike(dynamo: Any) -> None:
    """I4: the simulated table grants and refuses the lock exactly as DynamoDB does."""
    rng, moment, applied = Random(7), START, Applied()
    ours, theirs = (
        DynamoLocks(
            client,
            TABLE,
            timeout=timedelta(seconds=300),
            lease=timedelta(seconds=90),
            wall=lambda: moment,
        )
        for client in (applied, dynamo)
    )
    verdicts = []
    for _ in range(400):
        moment += timedelta(seconds=rng.choice([0, 1, 30, 89, 90, 100, 299, 300]))
        account, delivery_id = rng.choice(["a", "b"]), rng.choice(["n1", "n2", "n3"])
        if rng.random() < 0.3:
            assert ours.release(account, delivery_id) == theirs.release(account, delivery_id)
            continue
        holder = Holder(
            delivery_id=delivery_id,
            instance_id=rng.choice(["i1", "i2"]),
            sequence=rng.randint(1, 3),
            fence=rng.randint(0, 3),
        )
        answer = ours.acquire(account, holder)
        assert answer == theirs.acquire(account, holder)
        verdicts.append(answer.verdict)
    assert len(set(verdicts)) == 3
