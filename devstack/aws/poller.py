"""The event source mapping: it passes messages from a queue to a function, like Lambda's.

It uses long polls. The emulator checks the queue every few milliseconds by itself; a call for each
check cost a tenth of two cores.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from devstack.aws.functions import FunctionError, Throttled
from devstack.aws.template import QueueSource

_LONG_POLL_SECONDS = 1  # also the longest time until a poller notices a stop
_WINDOW_LOOK_SECONDS = 0.02
_BROKEN_SECONDS = 0.5
_AT_ONCE = 10  # SQS's limit for one call

Message = Mapping[str, Any]


def to_event(messages: Sequence[Message], queue_arn: str) -> dict[str, Any]:
    """Return the event that Lambda makes of messages."""
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message.get("Attributes", {}),
                "messageAttributes": message.get("MessageAttributes", {}),
                "md5OfBody": message.get("MD5OfBody", ""),
                "eventSource": "aws:sqs",
                "eventSourceARN": queue_arn,
                "awsRegion": queue_arn.split(":")[3],
            }
            for message in messages
        ]
    }


def failed_ids(result: object, messages: Sequence[Message]) -> set[str]:
    """Return the ids of messages that stay on the queue.

    They are those that the function names, or all if its result is malformed.
    """
    everything = {str(message["MessageId"]) for message in messages}
    if result is None or result == {}:
        return set()
    if not isinstance(result, dict):
        return everything
    failures = result.get("batchItemFailures")
    if failures is None:
        return set()
    try:
        named = {failure["itemIdentifier"] for failure in failures}
    except (TypeError, KeyError):
        return everything
    return everything if named - everything else named


class Poller:
    """Receives batches from one queue and invokes the function, several batches concurrently."""

    def __init__(
        self,
        sqs: Any,  # noqa: ANN401  # boto3 clients have no static type
        source: QueueSource,
        queue: tuple[str, str],
        invoke: Callable[[dict[str, Any]], Any],
        concurrency: int,
    ) -> None:
        """Prepare the poller without receiving anything.

        Args:
            sqs: A boto3 client.
            source: The mapping in the template.
            queue: The queue's URL and ARN.
            invoke: Runs the function. Raises `FunctionError` or `Throttled`.
            concurrency: The most batches at once.
        """
        self._sqs = sqs
        self._source = source
        self._url, self._arn = queue
        self._invoke = invoke
        self._receiving = threading.Lock()  # one thread receives at a time
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._poll, name=f"poll-{source.function}-{n}", daemon=True)
            for n in range(concurrency)
        ]

    def start(self) -> None:
        """Start receiving messages."""
        for thread in self._threads:
            thread.start()

    def stop(self, grace_seconds: float) -> None:
        """Receive no further batch, and wait for the running ones."""
        self._stopping.set()
        give_up = time.monotonic() + grace_seconds
        for thread in self._threads:
            thread.join(max(0.0, give_up - time.monotonic()))

    def _poll(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._receiving:
                    messages = self._receive()
                if messages:
                    self._run(messages)
            except Exception:  # the emulator restarts; the tick sends lost tasks again
                self._stopping.wait(_BROKEN_SECONDS)

    def _receive(self) -> list[Message]:
        messages: list[Message] = []
        give_up = time.monotonic() + self._source.window_seconds
        while not self._stopping.is_set():
            wanted = min(_AT_ONCE, self._source.batch_size - len(messages))
            wait = 0 if messages else _LONG_POLL_SECONDS
            answer = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=wanted,
                WaitTimeSeconds=wait,
                AttributeNames=["All"],
            )
            messages += answer.get("Messages", [])
            if len(messages) >= self._source.batch_size or time.monotonic() >= give_up:
                break
            self._stopping.wait(_WINDOW_LOOK_SECONDS)
        return messages

    def _run(self, messages: Sequence[Message]) -> None:
        try:
            result = self._invoke(to_event(messages, self._arn))
        except Throttled:
            self._put_back(messages)
            return
        except FunctionError:
            return  # they are delivered again after their visibility timeout
        kept = failed_ids(result, messages) if self._source.partial_failures else set()
        done = [message for message in messages if message["MessageId"] not in kept]
        for start in range(0, len(done), _AT_ONCE):
            entries = [
                {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
                for n, message in enumerate(done[start : start + _AT_ONCE])
            ]
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)

    def _put_back(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._sqs.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=1
            )
