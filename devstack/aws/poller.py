"""The event source mapping: from the queue to the function, with partial batch failures, as Lambda's does it.

It polls long: the emulator looks every few milliseconds by itself, and a call of its own for each look cost a tenth of two cores.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from devstack.aws.functions import FunctionError, Throttled
from devstack.aws.template import QueueSource

_LONG_POLL_SECONDS = 1  # also how long a poller may take to notice that it should stop
_WINDOW_LOOK_SECONDS = 0.02
_BROKEN_SECONDS = 0.5
_AT_ONCE = 10  # the most that SQS gives and takes in one call

Message = Mapping[str, Any]


def to_event(messages: Sequence[Message], queue_arn: str) -> dict[str, Any]:
    """The event that Lambda makes of messages."""
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
    """The messages that stay on the queue: those that the function names, or all when its answer is no good one."""
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
    """Takes batches from one queue and has the function run them, as many at once as the mapping allows."""

    def __init__(
        self,
        sqs: Any,  # noqa: ANN401  # boto3 clients have no static type
        source: QueueSource,
        queue: tuple[str, str],
        invoke: Callable[[dict[str, Any]], Any],
        concurrency: int,
    ) -> None:
        """Nothing is polled yet. `queue` is its URL and its ARN; `invoke` raises `FunctionError` or `Throttled`."""
        self._sqs = sqs
        self._source = source
        self._url, self._arn = queue
        self._invoke = invoke
        self._receiving = threading.Lock()  # one look at the queue at a time is enough
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._poll, name=f"poll-{source.function}-{n}", daemon=True)
            for n in range(concurrency)
        ]

    def start(self) -> None:
        """Begin to poll."""
        for thread in self._threads:
            thread.start()

    def stop(self, grace_seconds: float) -> None:
        """Take no further batch, and wait for those at work."""
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
            except Exception:  # the emulator is being restarted: what was lost will be sent again
                self._stopping.wait(_BROKEN_SECONDS)

    def _receive(self) -> list[Message]:
        messages: list[Message] = []
        give_up = time.monotonic() + self._source.window_seconds
        while not self._stopping.is_set():
            wanted = min(_AT_ONCE, self._source.batch_size - len(messages))
            patience = 0 if messages else _LONG_POLL_SECONDS
            answer = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=wanted,
                WaitTimeSeconds=patience,
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
            return  # they are seen again when their visibility timeout is over
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
