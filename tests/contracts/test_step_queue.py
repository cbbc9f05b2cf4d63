"""The promises of the port StepQueue, kept by SQS."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest

from flamebot.adapters.sqs.queue import SqsStepQueue
from flamebot.ports.queue import Message
from tests.contracts.endpoints import client, free_port

_numbers = itertools.count(1)


@pytest.fixture
def queue_url(aws: Callable[[str], Any]) -> str:
    """A step queue that only one test uses."""
    url: str = aws("sqs").create_queue(QueueName=f"steps-{next(_numbers)}")["QueueUrl"]
    return url


def received(sqs: Any, url: str) -> list[str]:
    """Return the bodies of all visible messages."""
    bodies: list[str] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        bodies += [message["Body"] for message in messages]
    return bodies


def message(body: str, delay: int = 0) -> Message:
    """Return a message with a body and a delay."""
    return Message(body=body, delay_seconds=delay)


def test_all_are_sent(aws: Callable[[str], Any], queue_url: str) -> None:
    """Any number of messages is sent, in batches that SQS accepts."""
    sent = [message(f"task-{number}") for number in range(34)]
    assert SqsStepQueue(aws("sqs"), queue_url).send(sent) == 34
    assert sorted(received(aws("sqs"), queue_url)) == sorted(m.body for m in sent)


def test_nothing_to_send_is_no_call() -> None:
    """Sending no messages makes no call."""
    assert SqsStepQueue(None, "").send([]) == 0


def test_a_batch_never_exceeds_a_mebibyte(aws: Callable[[str], Any], queue_url: str) -> None:
    """Large bodies travel in smaller batches, so that no batch exceeds one MiB."""
    bodies = [letter * 250_000 for letter in "abcdefg"]
    assert SqsStepQueue(aws("sqs"), queue_url).send([message(body) for body in bodies]) == 7
    assert sorted(received(aws("sqs"), queue_url)) == bodies


def test_a_refused_message_leaves_the_others(aws: Callable[[str], Any], queue_url: str) -> None:
    """A message that SQS refuses is not counted, and the rest of its batch is sent."""
    sent = [message("good"), message("too late", delay=901), message("fine")]
    assert SqsStepQueue(aws("sqs"), queue_url).send(sent) == 2
    assert sorted(received(aws("sqs"), queue_url)) == ["fine", "good"]


def test_a_delay_is_kept(aws: Callable[[str], Any], queue_url: str) -> None:
    """A delayed message is not visible before its time."""
    SqsStepQueue(aws("sqs"), queue_url).send([message("later", delay=1), message("now")])
    assert received(aws("sqs"), queue_url) == ["now"]
    time.sleep(1.1)
    assert received(aws("sqs"), queue_url) == ["later"]


def test_a_missing_queue_is_no_exception(aws: Callable[[str], Any], aws_endpoint: str) -> None:
    """A refused call raises nothing at the sender: the rows stay queued."""
    assert (
        SqsStepQueue(aws("sqs"), f"{aws_endpoint}/123456789012/none").send([message("lost")]) == 0
    )


def test_a_queue_that_is_down_costs_two_calls() -> None:
    """With an unreachable queue the sender gives up after two batches and raises nothing."""
    unreachable = client("sqs", f"http://127.0.0.1:{free_port()}")
    calls: list[str] = []
    unreachable.meta.events.register(
        "before-send.sqs", lambda request, **_: calls.append(request.url)
    )
    assert (
        SqsStepQueue(unreachable, "http://127.0.0.1:1/123456789012/steps").send(
            [message("lost")] * 1000
        )
        == 0
    )
    assert len(calls) <= 4  # two batches, each tried twice by the client


def test_what_sqs_itself_could_not_take_is_offered_again(
    aws: Callable[[str], Any], queue_url: str
) -> None:
    """Only a message that failed through no fault of the sender is sent once more."""
    sqs = client("sqs", aws("sqs").meta.endpoint_url)
    batches: list[int] = []

    def fail_one(parsed: dict[str, Any], **_: Any) -> None:
        batches.append(len(parsed["Successful"]))
        if len(batches) == 1:
            failed = parsed["Successful"].pop()
            parsed["Failed"] = [{"Id": failed["Id"], "SenderFault": False, "Code": "InternalError"}]

    sqs.meta.events.register("after-call.sqs.SendMessageBatch", fail_one)
    assert SqsStepQueue(sqs, queue_url).send([message("a"), message("b"), message("c")]) == 3
    assert batches == [3, 1]
