"""The poller hands batches over as Lambda's event source mapping does, from a real queue."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devstack.aws.emulator import Emulator
from devstack.aws.functions import FunctionError, Throttled
from devstack.aws.poller import Poller, failed_ids, to_event
from devstack.aws.template import QueueSource, Template
from devstack.child import ROOT

SOURCE = QueueSource(
    queue="StepQueue",
    function="step",
    batch_size=10,
    window_seconds=0,
    concurrency=2,
    partial_failures=True,
)
MESSAGES = [{"MessageId": "a"}, {"MessageId": "b"}]


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """A running emulator with the template's queues."""
    directory = tmp_path_factory.mktemp("emulator")
    with (directory / "log").open("wb") as log:
        emulator = Emulator(directory / "key.json", log)
        emulator.wait_ready()
        template = Template(ROOT / "template.yaml", emulator.known(["ActionsTokenSecret"], "locks"))
        emulator.provision(template, {"ActionsTokenSecret": "the-token"}, "locks")
        yield emulator
        emulator.stop()


class Queue:
    """A queue of its own for one test."""

    def __init__(self, emulator: Emulator, name: str, visibility: int) -> None:
        self.sqs = emulator.client("sqs")
        attributes = {"VisibilityTimeout": str(visibility)}
        self.url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.arn = emulator.queue_arn(name)

    def send(self, *bodies: str, delay: int = 0) -> None:
        """Send messages to the queue."""
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body, DelaySeconds=delay)

    def counts(self) -> tuple[int, int]:
        """How many are visible, and how many are in flight."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)[
            "Attributes"
        ]
        return int(attributes[names[0]]), int(attributes[names[1]])


class Step:
    """A function that remembers its batches and responds as configured."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.at_once = self.most_at_once = 0
        self.answer: Callable[[list[dict[str, Any]]], Any] = lambda _: {"batchItemFailures": []}
        self._lock = threading.Lock()

    def __call__(self, event: dict[str, Any]) -> Any:
        """Record the batch and respond."""
        with self._lock:
            self.batches.append([record["body"] for record in event["Records"]])
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return self.answer(event["Records"])
        finally:
            with self._lock:
                self.at_once -= 1

    def bodies(self) -> list[str]:
        """The bodies of all messages received."""
        return sorted(body for batch in self.batches for body in batch)


@pytest.fixture
def queue(emulator: Emulator, request: pytest.FixtureRequest) -> Queue:
    """A fresh queue whose messages are seen again after a second."""
    return Queue(emulator, request.node.name[:60], 1)


@pytest.fixture
def step() -> Step:
    """The function that the poller invokes."""
    return Step()


@pytest.fixture
def poll(queue: Queue, step: Step) -> Iterator[Callable[..., Poller]]:
    """Return a function that starts pollers."""
    started: list[Poller] = []

    def start(concurrency: int = 2, source: QueueSource = SOURCE) -> Poller:
        poller = Poller(queue.sqs, source, (queue.url, queue.arn), step, concurrency)
        poller.start()
        started.append(poller)
        return poller

    yield start
    for poller in started:
        poller.stop(5)


def wait(condition: Callable[[], bool], seconds: float = 5) -> None:
    """Wait until something is so."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_done_messages_are_deleted(queue: Queue, step: Step, poll: Callable[..., Poller]) -> None:
    """Messages come in batches of at most ten and are deleted when the function is done."""
    queue.send(*(f"{n:02}" for n in range(23)))
    poll()
    wait(lambda: len(step.bodies()) == 23)
    wait(lambda: queue.counts() == (0, 0))
    assert max(map(len, step.batches)) <= 10


def test_named_failures_come_again(queue: Queue, step: Step, poll: Callable[..., Poller]) -> None:
    """Only the messages that the function names are seen again, after the visibility timeout."""
    queue.send("good", "bad")
    step.answer = lambda records: {
        "batchItemFailures": [
            {"itemIdentifier": r["messageId"]} for r in records if r["body"] == "bad"
        ]
    }
    poll()
    wait(lambda: step.bodies().count("bad") == 2)
    assert step.bodies().count("good") == 1


def test_a_failed_function_keeps_all(queue: Queue, step: Step, poll: Callable[..., Poller]) -> None:
    """When the function fails every message of the batch is seen again."""

    def fail(_records: object) -> Any:
        if len(step.batches) == 1:
            raise FunctionError({"errorType": "Sandbox.Timedout"})
        return None

    step.answer = fail
    queue.send("one")
    poll()
    wait(lambda: len(step.batches) == 2)
    wait(lambda: queue.counts() == (0, 0))


def test_a_throttled_batch_is_put_back(
    queue: Queue, step: Step, poll: Callable[..., Poller]
) -> None:
    """When the function is throttled, its messages are visible again soon."""

    def refuse(_records: object) -> Any:
        if len(step.batches) == 1:
            raise Throttled("step")
        return {}

    step.answer = refuse
    queue.send("one")
    poll()
    wait(lambda: len(step.batches) == 2)


def test_no_more_at_once_than_allowed(
    queue: Queue, step: Step, poll: Callable[..., Poller]
) -> None:
    """The mapping's concurrency bounds the invocations at once."""

    def slow(_records: object) -> Any:
        time.sleep(0.2)

    step.answer = slow
    queue.send(*map(str, range(6)))
    poll(concurrency=2, source=replace(SOURCE, batch_size=1))
    wait(lambda: len(step.batches) == 6)
    assert step.most_at_once == 2


def test_delayed_messages_are_in_time(
    queue: Queue, step: Step, poll: Callable[..., Poller]
) -> None:
    """A delayed message is handed over when its delay is over, well within the second."""
    poll()
    sent = time.monotonic()
    queue.send("later", delay=1)
    wait(lambda: bool(step.batches))
    assert 0.95 <= time.monotonic() - sent < 1.5


def test_moving_the_clock_brings_messages_forward(
    emulator: Emulator, queue: Queue, step: Step, poll: Callable[..., Poller]
) -> None:
    """A message whose delay was for a time that has now come is seen at once."""
    poll()
    queue.send("later", delay=60)
    emulator.bring_forward(60)
    wait(lambda: bool(step.batches), 2)


def test_the_event_is_lambdas() -> None:
    """A record has the names that Lambda gives it."""
    message = {
        "MessageId": "a",
        "ReceiptHandle": "r",
        "Body": "b",
        "Attributes": {"ApproximateReceiveCount": "1"},
    }
    (record,) = to_event([message], "arn:aws:sqs:eu-west-1:1:q")["Records"]
    assert (record["messageId"], record["receiptHandle"], record["body"], record["awsRegion"]) == (
        "a",
        "r",
        "b",
        "eu-west-1",
    )
    assert record["attributes"]["ApproximateReceiveCount"] == "1"


@pytest.mark.parametrize(
    ("result", "kept"),
    [
        (None, set()),
        ({}, set()),
        ({"batchItemFailures": []}, set()),
        ({"batchItemFailures": [{"itemIdentifier": "a"}]}, {"a"}),
        ({"batchItemFailures": [{"itemIdentifier": "unknown"}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, {"a", "b"}),
        ({"batchItemFailures": [{"wrong": "a"}]}, {"a", "b"}),
        ("nonsense", {"a", "b"}),
    ],
)
def test_an_answer_that_makes_no_sense_fails_the_batch(result: object, kept: set[str]) -> None:
    """As on AWS, an unknown or empty identifier fails every message."""
    assert failed_ids(result, MESSAGES) == kept


def test_what_the_template_describes_is_there(emulator: Emulator) -> None:
    """Queue with redrive and visibility, lock table and secret are made as the template says."""
    sqs = emulator.client("sqs")
    attributes = sqs.get_queue_attributes(
        QueueUrl=emulator.queue_url("StepQueue"), AttributeNames=["All"]
    )["Attributes"]
    assert attributes["VisibilityTimeout"] == "360"
    assert emulator.queue_arn("StepDeadLetterQueue") in attributes["RedrivePolicy"]
    table = emulator.client("dynamodb").describe_table(TableName="locks")["Table"]
    assert table["KeySchema"] == [{"AttributeName": "account_id", "KeyType": "HASH"}]
    secret = emulator.client("secretsmanager").get_secret_value(SecretId="ActionsTokenSecret")
    assert secret["SecretString"] == "the-token"


def test_the_key_survives_the_emulator(tmp_path: Path) -> None:
    """What was encrypted before a restart is decrypted after it, and only with its context."""
    ciphertext = b""
    for round_trip in range(2):
        with (tmp_path / "log").open("ab") as log:
            emulator = Emulator(tmp_path / "key.json", log)
            emulator.wait_ready()
            kms = emulator.client("kms")
            context = {"purpose": "credentials"}
            if round_trip == 0:
                answer = kms.encrypt(
                    KeyId=emulator.known([], "t")["CredentialsKey.Arn"],
                    Plaintext=b"secret",
                    EncryptionContext=context,
                )
                ciphertext = answer["CiphertextBlob"]
            else:
                assert (
                    kms.decrypt(CiphertextBlob=ciphertext, EncryptionContext=context)["Plaintext"]
                    == b"secret"
                )
                with pytest.raises(kms.exceptions.InvalidCiphertextException):
                    kms.decrypt(CiphertextBlob=ciphertext, EncryptionContext={"purpose": "other"})
            emulator.stop()


def test_a_backlog_costs_little(emulator: Emulator) -> None:
    """A thousand waiting messages do not make a send or a receive take a second."""
    queue = Queue(emulator, "backlog", 30)
    entries = [{"Id": str(n), "MessageBody": "x" * 300} for n in range(10)]
    for _ in range(100):
        queue.sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)
    began = time.monotonic()
    for _ in range(5):
        queue.sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)
        queue.sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=10)
    assert time.monotonic() - began < 2
