"""Proofs that work was done once: the service's ledger, and the invariants as SQL."""

from __future__ import annotations

import itertools
import json
import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import boto3

from tests.e2e.local_stack import Json, LocalStack, wait_until

INVARIANTS = {
    "I1, two live instances of one account": """
        select account_id from workflow_instances where is_live group by 1 having count(*) > 1""",
    "I2, a live instance without exactly one live task, or a finished one with one": """
        select i.id from workflow_instances i
          left join scheduled_tasks t on t.workflow_instance_id = i.id and t.is_live
         group by i.id, i.is_live having count(t.task_id) <> i.is_live::int""",
    "I3, a gap or a double in the sequences": """
        select workflow_instance_id from scheduled_tasks group by 1
        having count(*) <> max(sequence) - min(sequence) + 1
            or count(*) <> count(distinct sequence)""",
    "I3, a step that is twice in a history without a loop": """
        select instance_id, step_id from step_history where status = 'completed'
         group by 1, 2 having count(*) > 1""",
    "I6, begun before it was due": """
        select task_id from scheduled_tasks
         where status = 'completed' and started_at < scheduled_for""",
    "I8, sent more often than it may be": "select task_id from scheduled_tasks where sends > 20",
}


def start_many(stack: LocalStack, accounts: Sequence[str], workflow_type: str) -> dict[str, str]:
    """Import accounts in one request and start them all; return their workflows' ids."""
    rows = [
        {
            "accountId": account,
            "modelId": "model-1",
            "channelId": "channel-1",
            "credentials": {"password": "x"},
        }
        for account in accounts
    ]
    body = {"accounts": rows, "startAutomation": True, "workflowType": workflow_type}
    answer = stack.api.post("/v1/accounts/import", json=body).raise_for_status().json()
    assert answer["started"] == len(accounts), answer
    return {result["accountId"]: result["workflow"]["instanceId"] for result in answer["results"]}


def assert_invariants(stack: LocalStack) -> None:
    """Assert that the invariants hold in the whole database."""
    assert not (broken := broken_invariants(stack.rows)), broken


def broken_invariants(rows: Callable[[str], list[Json]]) -> dict[str, list[Json]]:
    """Return the violated invariants with the rows that show them."""
    return {name: found for name, query in INVARIANTS.items() if (found := rows(query))}


def assert_each_effect_once(
    stack: LocalStack, workflows: dict[str, str], operations: Sequence[str]
) -> None:
    """I4, I5: assert that every workflow completed and had each effect once under its own key."""
    statuses = {
        row["id"]: row["status"]
        for row in stack.rows("select id::text, status from workflow_instances")
    }
    assert {
        account: statuses[workflow] for account, workflow in workflows.items()
    } == dict.fromkeys(workflows, "completed")
    ledger = stack.actions.get("/_sim/ledger").raise_for_status().json()
    issues = effect_issues(
        ledger, workflows, dict.fromkeys(workflows, operations), submitted_tasks(stack.rows)
    )
    assert not issues, issues
    writes = [write for write in ledger["writes"] if write["account"] in workflows]
    assert not (
        refused := [write for write in writes if write["status"] not in (200, 202, None)]
    ), refused
    assert not (
        overlaps := [overlap for overlap in ledger["overlaps"] if overlap["account"] in workflows]
    ), overlaps
    assert not (pairs := overlapping(writes)), pairs


def submitted_tasks(rows: Callable[[str], list[Json]]) -> set[str]:
    """Return the ids of all tasks that may be an effect's key."""
    return {
        row["task_id"] for row in rows("select task_id from scheduled_tasks where phase = 'submit'")
    }


def effect_issues(
    ledger: Json,
    workflows: Mapping[str, str],
    operations: Mapping[str, Sequence[str]],
    submitted: set[str],
    *,
    partly: Container[str] = (),
) -> list[str]:
    """Return what the service's ledger should not have: other effects, keys or bodies (I5).

    Args:
        ledger: All requests to the service.
        workflows: Workflow by account.
        operations: By account, the effects that its workflow must have had, in this order.
        submitted: The tasks that may be a key.
        partly: Accounts whose workflow may have ended before its last effect.
    """
    jobs: dict[str, list[Json]] = defaultdict(list)
    for job in ledger["jobs"]:
        jobs[job["account"]].append(job)
    issues = []
    for account, workflow in workflows.items():
        had, expected = [job["operation"] for job in jobs[account]], list(operations[account])
        if had != expected and not (account in partly and had == expected[: len(had)]):
            issues.append(f"{account} had the effects {had} instead of {expected}")
        issues += [
            f"{job['key']} is no task of {workflow}"
            for job in jobs[account]
            if job["key"].rpartition(":")[0] != workflow
        ]
    keys = Counter(job["key"] for account in workflows for job in jobs[account])
    issues += [f"{key} had {times} effects" for key, times in keys.items() if times > 1]
    issues += [f"{key} belongs to no task that submits" for key in keys if key not in submitted]
    bodies: dict[str, set[str]] = defaultdict(set)
    for write in ledger["writes"]:
        if write["account"] in workflows and write["key"]:
            bodies[write["key"]].add(write["bodyHash"])
    return issues + [
        f"{key} came with {len(hashes)} different requests"
        for key, hashes in bodies.items()
        if len(hashes) > 1
    ]


def overlapping(writes: Sequence[Json]) -> list[tuple[Json, Json]]:
    """Return writes for one account of which one began before another had ended."""
    ordered = sorted(writes, key=lambda write: (write["account"], write["startedAt"]))
    pairs = itertools.pairwise(ordered)
    return [
        (one, other)
        for one, other in pairs
        if one["account"] == other["account"] and other["startedAt"] < one["endedAt"]
    ]


@contextmanager
def frozen(stack: LocalStack) -> Iterator[None]:
    """Freeze the stack's main process: it polls, ticks and responds no more.

    Queue and database continue.
    """
    stack.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        stack.process.send_signal(signal.SIGCONT)


def aws(stack: LocalStack, service: str) -> Any:
    """Return a client of the stack's emulator."""
    make: Any = boto3.client
    endpoint = stack.facts["awsEndpointUrl"]
    return make(
        service,
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


def peek(stack: LocalStack) -> list[str]:
    """Return the bodies of all messages once none is delayed; the stack must be frozen."""
    sqs, url = aws(stack, "sqs"), stack.facts["queueUrl"]
    delayed = "ApproximateNumberOfMessagesDelayed"
    wait_until(
        lambda: (
            sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[delayed])["Attributes"][delayed]
            == "0"
        ),
        30,
        "no delayed message",
    )
    found: list[Json] = []
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=30
    ).get("Messages"):
        found += messages
    for message in found:
        sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
    return [message["Body"] for message in found]


def most_at_once(writes: Sequence[Json]) -> int:
    """Return the largest number of simultaneous writes at the service."""
    edges = sorted(
        [(write["startedAt"], 1) for write in writes] + [(write["endedAt"], -1) for write in writes]
    )
    return max(itertools.accumulate(change for _, change in edges))


def maintenance_passes(stack: LocalStack) -> list[Json]:
    """Return what each maintenance pass logged at its end."""
    lines = (stack.data_dir / "logs" / "maintenance.log").read_text().splitlines()
    return [json.loads(line) for line in lines if '"maintenance_done"' in line]
