"""The step queue on SQS, sending side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from flamebot.ports.queue import Message

_BATCH: Final = 10  # SendMessageBatch takes no more
_BATCH_BYTES: Final = 1_048_576  # nor more than this in all bodies together
_GIVE_UP_AFTER: Final = (
    2  # failed calls in a row: the queue is down, and each more would cost a timeout
)


class SqsStepQueue:
    """Sends what it can; what it cannot send stays queued in the table and is sent again."""

    def __init__(self, client: Any, queue_url: str) -> None:  # noqa: ANN401  # boto3 clients have no static type
        """Take a boto3 SQS client and the queue's address. Safe to share between threads."""
        self._client = client
        self._queue_url = queue_url

    def send(self, messages: Sequence[Message]) -> int:
        """Send in batches of 10; return how many messages were accepted. Never raises."""
        accepted = failures = 0
        for batch in _batches(messages):
            try:
                accepted += self._send_batch(batch)
                failures = 0
            except (BotoCoreError, ClientError):  # guard: queue-error-ends-nothing
                failures += 1
                if failures == _GIVE_UP_AFTER:  # guard: dead-queue-costs-two-calls
                    break
        return accepted

    def _send_batch(self, batch: Sequence[Message]) -> int:
        """Send one batch; messages that failed through no fault of ours are sent once more."""
        entries = [
            {"Id": str(number), "MessageBody": message.body, "DelaySeconds": message.delay_seconds}
            for number, message in enumerate(batch)
        ]
        answer = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
        accepted = len(answer.get("Successful", []))  # guard: accepted-counts
        again = {failed["Id"] for failed in answer.get("Failed", []) if not failed["SenderFault"]}
        if again:
            retried = self._client.send_message_batch(
                QueueUrl=self._queue_url, Entries=[e for e in entries if e["Id"] in again]
            )
            accepted += len(retried.get("Successful", []))
        return accepted


def _batches(messages: Sequence[Message]) -> Iterator[list[Message]]:
    batch: list[Message] = []
    size = 0
    for message in messages:
        length = len(message.body.encode())
        if batch and (len(batch) == _BATCH or size + length > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += length
    if batch:
        yield batch
