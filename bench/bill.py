"""The cost of a step, a workflow and a month, from the usage that a metered stack recorded."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.dollars import MILLION, MONTH_HOURS, FunctionSize, Prices, delivered, sum_of, used_by
from devstack.aws.template import Template

# long-polling connections with which Lambda watches a queue; each polls again after 20 s without a
# message
POLLERS = 5
_POLLS_PER_HOUR = 3600 / 20
_SECRET_READS_PER_HOUR = 12  # a secret is cached for five minutes by each environment
# Names in the table; a price without one is shown by its own name.
_SHOWN = {
    "lambda_x86_gb_second": "Lambda, GB-seconds",
    "lambda_arm_gb_second": "Lambda, GB-seconds (arm)",
    "lambda_request": "Lambda, invocations",
    "sqs_request": "SQS, requests",
    "dynamodb_write": "DynamoDB, writes",
    "kms_request": "KMS, requests",
    "log_gb": "CloudWatch Logs, GB",
    "nat_gb": "NAT, GB",
    "http_api_request": "HTTP API, requests",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Workflows that ran to their end, with their usage."""

    workflows: int
    steps: int  # rows of the history: each completed wait, jump and effect
    effects: int
    transitions: int  # of Step Functions for the same work
    used: Mapping[str, Sequence[Mapping[str, Any]]]  # by function, each invocation
    events: Sequence[int]  # messages of each event of the step function


def usage(seen: Seen, sizes: Mapping[str, FunctionSize]) -> defaultdict[str, float]:
    """Return what the workflows used.

    A tick counts with its messages only: it runs each minute anyhow and is a fixed cost.
    """
    parts: list[Mapping[str, float]] = [
        used_by(seen.used.get(name, ()), sizes[name]) for name in ("step", "import_accounts")
    ]
    ticks = used_by(seen.used.get("tick", ()), sizes["tick"])
    sent = {name: ticks[name] for name in ("sqs_request", "nat_gb")}
    requests = {"http_api_request": float(len(seen.used.get("import_accounts", ())))}
    total = sum_of([*parts, sent, requests, *(delivered(messages) for messages in seen.events)])
    total.pop("secret_request", None)  # every five minutes, with or without steps: a fixed cost
    return total


def usd_per_million_steps(
    seen: Seen, sizes: Mapping[str, FunctionSize], prices: Prices
) -> dict[str, float]:
    """Return dollars by price for a million such steps."""
    return {
        name: usd / seen.steps * MILLION for name, usd in prices.cost(usage(seen, sizes)).items()
    }


def step_functions_usd_per_million_steps(seen: Seen, prices: Prices) -> float:
    """Return what Step Functions Standard charges for the transitions of a million such steps."""
    return seen.transitions * prices.usd["step_functions_transition"] / seen.steps * MILLION


def fixed_usd_per_month(
    template: Template,
    resources: Mapping[str, Any],
    idle: Mapping[str, Mapping[str, Any]],
    sizes: Mapping[str, FunctionSize],
    metrics: int,
) -> defaultdict[str, float]:
    """Return what an idle month uses without the database.

    `idle`: one invocation of each scheduled function; `metrics`: their number.
    """
    of_type = Counter(
        resource["Type"] for resource in resources.values() if "Condition" not in resource
    )
    total: defaultdict[str, float] = defaultdict(float)
    for schedule in template.schedules():
        firings = MONTH_HOURS * 3600 / schedule.seconds
        for name, amount in used_by([idle[schedule.function]], sizes[schedule.function]).items():
            total[name] += amount * firings
        total["event_rule"] += firings
    sources = template.queue_sources()
    total["sqs_request"] += len(sources) * POLLERS * _POLLS_PER_HOUR * MONTH_HOURS
    total["secret_request"] += (
        _SECRET_READS_PER_HOUR * MONTH_HOURS * max(source.concurrency for source in sources)
    )
    total["metric_month"] += metrics
    total["alarm_month"] += of_type["AWS::CloudWatch::Alarm"]
    total["dashboard_month"] += of_type["AWS::CloudWatch::Dashboard"]
    total["kms_key_month"] += of_type["AWS::KMS::Key"]
    total["secret_month"] += (
        of_type["AWS::SecretsManager::Secret"] + 1
    )  # and the one that RDS makes
    total["nat_hour"] += of_type["AWS::EC2::NatGateway"] * MONTH_HOURS
    total["address_hour"] += of_type["AWS::EC2::EIP"] * MONTH_HOURS
    return total


def table(title: str, amounts: Mapping[str, float], usd: Mapping[str, float]) -> str:
    """Return amount, dollars and share of each line, the most expensive first."""
    whole = sum(usd.values())
    lines = [f"{title}: {whole:,.2f} dollars"]
    for name, cost in sorted(usd.items(), key=lambda item: -item[1]):
        if cost:
            lines.append(
                f"    {_SHOWN.get(name, name):26} {amounts[name]:14,.4g} "
                f"{cost:9,.3f} $ {100 * cost / whole:5.1f} %"
            )
    return "\n".join(lines)
