"""The probes of the health check, on the emulator: missing, unusable, and with a warning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from flamebot.adapters.dynamodb.probes import TableNotUsable, probe_table
from flamebot.adapters.sqs.probes import probe_dead_letters, probe_queue
from flamebot.services.maintenance.probes import ProbeWarning


def test_the_probe_of_the_queue(aws: Callable[[str], Any]) -> None:
    """It returns for a queue that exists and raises for one that was deleted."""
    sqs = aws("sqs")
    url = sqs.create_queue(QueueName=f"probe-{uuid4()}")["QueueUrl"]
    probe_queue(sqs, url)
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(ClientError):
        probe_queue(sqs, url)


def test_the_probe_of_the_dead_letters(aws: Callable[[str], Any]) -> None:
    """It warns of visible and received messages, and receives none; a missing queue is an error."""
    sqs = aws("sqs")
    url = sqs.create_queue(QueueName=f"dead-{uuid4()}")["QueueUrl"]
    probe_dead_letters(sqs, url)
    for body in "ab":
        sqs.send_message(QueueUrl=url, MessageBody=body)
    sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1, VisibilityTimeout=600)
    for _ in range(2):
        with pytest.raises(ProbeWarning, match=r"^2 messages"):
            probe_dead_letters(sqs, url)
    sqs.purge_queue(QueueUrl=url)
    probe_dead_letters(sqs, url)
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(ClientError):
        probe_dead_letters(sqs, url)


def test_the_probe_of_the_lock_table(aws: Callable[[str], Any]) -> None:
    """It returns for a table that exists and raises for one that was deleted."""
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
    """A table of such a status is an error. The emulator's tables are always active: a stand-in."""

    class Client:
        def describe_table(self, **_: object) -> dict[str, Any]:
            return {"Table": {"TableStatus": status}}

    with pytest.raises(TableNotUsable):
        probe_table(Client(), "locks")
