"""One population of workflows that all fall due at once, with or without an outage."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.e2e.local_stack import LocalStack, wait_until

DUE_MINUTES = 5  # schedule time from the import until all are due
_BATCH = 1000
_STEPS: list[dict[str, Any]] = [
    {"id": "rest", "action": "wait", "delay": f"{DUE_MINUTES}m"},
    {"id": "swipe", "action": "swipe_with_spectre", "swipeCount": 5},
]
_LEFT = "select count(*) as left from workflow_instances where account_id like %s and is_live"


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What became of one population. Seconds are schedule time."""

    workflows: int
    drain_seconds: float  # from when all are due and the service is up until all have ended
    failed: int
    attempts: int  # that were counted beyond the first one of each step
    calls: int  # without a response
    late_calls: int  # of these, a minute and more after the outage began
    first_minute: int  # tasks that were answered in the first minute after it
    openings: Sequence[Mapping[str, Any]] = ()


def run(
    stack: LocalStack, name: str, workflows: int, *, speed: float, outage_minutes: float = 0
) -> Outcome:
    """Import workflows, take the service down while they fall due, and wait until all have ended.

    Raises:
        AssertionError: They have not ended an hour of wall time after the outage.
    """
    stack.publish("outage", _STEPS)
    for first in range(0, workflows, _BATCH):
        rows = [
            {"accountId": f"{name}-{n}", "modelId": "m", "channelId": "c"}
            for n in range(first, min(first + _BATCH, workflows))
        ]
        body = {"accounts": rows, "startAutomation": True, "workflowType": "outage"}
        stack.api.post("/v1/accounts/import", json=body).raise_for_status()
    began = stack.clock()
    if outage_minutes:
        with stack.behaviour(down=True):
            time.sleep((DUE_MINUTES + outage_minutes) * 60 / speed)
    else:
        time.sleep(DUE_MINUTES * 60 / speed)
    up = stack.clock()
    wait_until(
        lambda: stack.rows(_LEFT, f"{name}-%")[0]["left"] == 0, 3600, "every workflow has ended"
    )
    return _outcome(stack, name, workflows, began=began, up=up)


def _outcome(stack: LocalStack, name: str, workflows: int, *, began: Any, up: Any) -> Outcome:
    (row,) = stack.rows(
        "select max(i.finished_at) as ended, count(*) filter (where i.status = 'failed') as failed"
        " from workflow_instances i where i.account_id like %s",
        f"{name}-%",
    )
    (tries,) = stack.rows(
        "select count(*) as retried from step_history h join workflow_instances i"
        " on i.id = h.instance_id where i.account_id like %s and h.status = 'retried'",
        f"{name}-%",
    )
    (calls,) = stack.rows(
        "select coalesce(sum(unknown), 0) as calls,"
        " coalesce(sum(unknown) filter (where since >= %s + interval '1 min'"
        " * %s), 0) as late, coalesce(sum(answered) filter (where since between %s"
        " and %s + interval '1 min'), 0) as first"
        " from service_calls where service = 'actions_service' and since >= %s",
        began,
        DUE_MINUTES + 1,
        up,
        up,
        began,
    )
    openings = stack.rows(
        "select reason, opened_at, ended_at from service_openings where opened_at >= %s"
        " order by opened_at",
        began,
    )
    return Outcome(
        workflows=workflows,
        drain_seconds=(row["ended"] - up).total_seconds(),
        failed=row["failed"],
        attempts=tries["retried"],
        calls=int(calls["calls"]),
        late_calls=int(calls["late"]),
        first_minute=int(calls["first"]),
        openings=openings,
    )
