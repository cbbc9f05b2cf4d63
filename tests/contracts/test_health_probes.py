"""The probes of the health check, on the emulator: what is gone, what is not in order, and what is only worrying."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from flamebot.adapters.dynamodb.probes import TableNotInOrder, probe_table
from flamebot.adapters.sqs.probes import probe_dead_letters, probe_queue
from flamebot.services.maintenance.health import Worrying


def test_a_queue_that_is_there(aws: Callable[[str], Any]) -> None:
    """It answers; deleted, it does not."""
    sqs = aws("sqs")
    url = sqs.create_queue(QueueName=f"probe-{uuid4()}")["QueueUrl"]
    probe_queue(sqs, url)
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(ClientError):
        probe_queue(sqs, url)


def test_dead_letters_worry(aws: Callable[[str], Any]) -> None:
    """Those that lie there and those that somebody is looking at; none is taken out by asking. A queue that is gone is worse."""
    sqs = aws("sqs")
    url = sqs.create_queue(QueueName=f"dead-{uuid4()}")["QueueUrl"]
    probe_dead_letters(sqs, url)
    for body in "ab":
        sqs.send_message(QueueUrl=url, MessageBody=body)
    sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1, VisibilityTimeout=600)
    for _ in range(2):
        with pytest.raises(Worrying, match=r"^2 messages"):
            probe_dead_letters(sqs, url)
    sqs.purge_queue(QueueUrl=url)
    probe_dead_letters(sqs, url)
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(ClientError):
        probe_dead_letters(sqs, url)


def test_a_lock_table_that_is_there(aws: Callable[[str], Any]) -> None:
    """It answers; deleted, it does not."""
    dynamodb, name = aws("dynamodb"), f"probe-{uuid4()}"
    dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "account_id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "account_id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    probe_table(dynamodb, name)
    dynamodb.delete_table(TableName=name)
    with pytest.raises(ClientError):
        probe_table(dynamodb, name)


@pytest.mark.parametrize(
    "status", ["CREATING", "DELETING", "INACCESSIBLE_ENCRYPTION_CREDENTIALS", "ARCHIVED"]
)
def test_a_lock_table_that_cannot_be_used(status: str) -> None:
    """It is described, and yet no lock can be taken. The emulator's tables are always in order, so the answer is made up."""

    class Client:
        def describe_table(self, **_: object) -> dict[str, Any]:
            return {"Table": {"TableStatus": status}}

    with pytest.raises(TableNotInOrder):
        probe_table(Client(), "locks")
