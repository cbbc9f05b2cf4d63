"""Usage times price. The prices are in `prices.toml`; this file holds no dollar amounts."""

from __future__ import annotations

import math
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

PRICES = Path(__file__).resolve().parent / "prices.toml"
MILLION = 1_000_000
MONTH_HOURS = 720  # of 30 days
FULL_PROCESSOR_MB = (
    1769  # Lambda's documentation: at this memory a function has one processor; below it, a share
)
LOG_EVENT_OVERHEAD = 26  # bytes that CloudWatch Logs adds to each event
# Log lines that Lambda writes for each invocation.
PLATFORM_LINES = (
    f"START RequestId: {uuid4()} Version: $LATEST",
    f"END RequestId: {uuid4()}",
    (
        f"REPORT RequestId: {uuid4()}\tDuration: 1000.00 ms\tBilled "
        f"Duration: 1000 ms\tMemory Size: 256 MB\tMax Memory Used: 100 MB\t"
    ),
)
PLATFORM_LOG_BYTES = sum(len(line) + 1 + LOG_EVENT_OVERHEAD for line in PLATFORM_LINES)
_DYNAMODB_WRITES = frozenset({"UpdateItem", "DeleteItem", "PutItem"})
_GATEWAY_ENDPOINTS = frozenset(
    {"dynamodb", "s3"}
)  # declared by the template: they cost nothing and pass no NAT gateway


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """One price list with its date and region."""

    as_of: str
    region: str
    usd: Mapping[str, float]

    @classmethod
    def read(cls, path: Path = PRICES) -> Prices:
        """Read the file. Raises `KeyError` for a price without its unit or source."""
        document = tomllib.loads(path.read_text())
        prices = {name: entry for name, entry in document.items() if isinstance(entry, dict)}
        for name, entry in prices.items():
            if missing := {"usd", "unit", "source", "confirmed"} - set(entry):
                raise KeyError(f"{name} lacks {sorted(missing)}")
        return cls(
            as_of=str(document["as_of"]),
            region=str(document["region"]),
            usd={name: float(p["usd"]) for name, p in prices.items()},
        )

    def cost(self, used: Mapping[str, float]) -> dict[str, float]:
        """Return dollars for what was used. Raises `KeyError` for an item without a price."""
        return {name: amount * self.usd[name] for name, amount in used.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSize:
    """The memory and architecture of a function, which decide the price of a second."""

    memory_mb: int
    arm: bool = False

    @property
    def price(self) -> str:
        """Return the name of its price."""
        return "lambda_arm_gb_second" if self.arm else "lambda_x86_gb_second"

    def billed_ms(self, seconds: float, cpu_seconds: float) -> int:
        """Return the milliseconds that Lambda would bill for an invocation measured here.

        A function with little memory has a share of a processor: computing takes longer by that
        factor, waiting does not.
        """
        slower = max(FULL_PROCESSOR_MB / self.memory_mb, 1.0)
        return math.ceil((seconds + cpu_seconds * (slower - 1)) * 1000)

    def gb_seconds(self, billed_ms: float) -> float:
        """Return the GB-seconds of these milliseconds."""
        return billed_ms / 1000 * self.memory_mb / 1024


def sum_of(parts: Iterable[Mapping[str, float]]) -> defaultdict[str, float]:
    """Return the sum of several usages."""
    total: defaultdict[str, float] = defaultdict(float)
    for part in parts:
        for name, amount in part.items():
            total[name] += amount
    return total


def used_by(
    invocations: Iterable[Mapping[str, Any]], size: FunctionSize
) -> defaultdict[str, float]:
    """Return the usage of one function's invocations in the price list's units."""
    total: defaultdict[str, float] = defaultdict(float)
    for each in invocations:
        total[size.price] += size.gb_seconds(size.billed_ms(each["seconds"], each["cpu_seconds"]))
        total["lambda_request"] += 1
        total["log_gb"] += (
            each["log_bytes"] + each["log_lines"] * (1 + LOG_EVENT_OVERHEAD) + PLATFORM_LOG_BYTES
        ) / 1e9
        total["nat_gb"] += (
            sum(
                count
                for service, count in each["bytes"].items()
                if service not in _GATEWAY_ENDPOINTS
            )
            / 1e9
        )
        for call, count in each["calls"].items():
            if (name := _priced(call)) is not None:
                total[name] += count
    return total


def _priced(call: str) -> str | None:
    service, _, operation = call.partition(".")
    match service:
        case "dynamodb":
            return "dynamodb_write" if operation in _DYNAMODB_WRITES else "dynamodb_read"
        case "sqs" | "kms":
            return f"{service}_request"
        case "secrets-manager":
            return "secret_request"
        case "s3":
            return "s3_put"
        case "actions":
            return None  # the actions service has its own bill
    raise KeyError(f"{call} has no price")


def delivered(messages: int) -> dict[str, float]:
    """Return the cost of one event beside its invocation.

    A ReceiveMessage and a DeleteMessageBatch.
    """
    return {"sqs_request": 2 * math.ceil(messages / 10)}


def per_million(used: Mapping[str, float], steps: float) -> dict[str, float]:
    """Return a usage scaled to a million steps."""
    return {name: amount / steps * MILLION for name, amount in used.items()}
