"""A message that is delivered repeatedly starts one effect, because the task's row decides."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from tests.e2e.conftest import StartStack
from tests.e2e.local_stack import wait_until
from tests.e2e.proof import (
    assert_each_effect_once,
    assert_invariants,
    aws,
    frozen,
    peek,
    start_many,
)

SPEED = 20
TIMEOUT = 120.0
BIO = {"id": "bio", "action": "add_bio", "bio": "Fond of long walks.", "timeout": "30d"}


def test_a_message_delivered_three_times_at_once(start_stack: StartStack) -> None:
    """Real messages, three copies each and again during their effects, have one effect each."""
    stack = start_stack("--speed", str(SPEED))
    stack.publish("one_bio", [{**BIO, "delay": "100s"}])
    sqs, url = aws(stack, "sqs"), stack.facts["queueUrl"]

    def send(body: str) -> None:
        sqs.send_message(QueueUrl=url, MessageBody=body)

    with stack.behaviour(latency=0.5), ThreadPoolExecutor(6) as senders:
        workflows = start_many(stack, [f"copied-{n}" for n in range(10)], "one_bio")
        with frozen(stack):
            bodies = peek(stack)
            assert sum(workflow in body for body in bodies for workflow in workflows.values()) == 10
            list(senders.map(send, bodies * 2))
        for _ in range(4):
            time.sleep(0.4)
            list(senders.map(send, bodies * 3))
        live = "select 1 from workflow_instances where is_live limit 1"
        wait_until(lambda: not stack.rows(live), TIMEOUT, "the end of all workflows")
    assert_each_effect_once(stack, workflows, ["updateBio"])
    written = [
        write["account"]
        for write in stack.actions.get("/_sim/ledger").json()["writes"]
        if write["operation"] == "updateBio"
    ]
    assert sorted(written) == sorted(workflows), "the service received no write twice"
    assert_invariants(stack)
