"""Dollars are counts times prices: the arithmetic by hand, and a complete price list."""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bench.bill import (
    Seen,
    fixed_usd_per_month,
    step_functions_usd_per_million_steps,
    usage,
    usd_per_million_steps,
)
from bench.dollars import PLATFORM_LOG_BYTES, PRICES, FunctionSize, Prices, delivered, used_by
from devstack.aws.cloudformation import read_document
from devstack.aws.template import Template

ROOT = Path(__file__).resolve().parents[3]
SIZES = {
    "step": FunctionSize(memory_mb=1769),
    "tick": FunctionSize(memory_mb=512),
    "import_accounts": FunctionSize(memory_mb=1024),
}


def used(**changed: object) -> dict[str, Any]:
    """Return an invocation of one second on a whole processor, nearly all of it waiting."""
    return {
        "seconds": 1.0,
        "cpu_seconds": 0.01,
        "calls": {},
        "bytes": {},
        "log_bytes": 0,
        "log_lines": 0,
        **changed,
    }


def seen(**changed: Any) -> Seen:
    """Return one workflow of four steps."""
    nothing: dict[str, Any] = {"step": [], "import_accounts": [], "tick": []}
    return Seen(
        **{
            "workflows": 1,
            "steps": 4,
            "effects": 3,
            "transitions": 20,
            "events": [],
            **changed,
            "used": {**nothing, **changed.get("used", {})},
        }
    )


def test_the_price_list_has_a_date_a_region_and_a_source_for_each_price() -> None:
    """A price has its unit, its page, and how it was confirmed."""
    document = tomllib.loads(PRICES.read_text())
    assert dt.date.fromisoformat(document["as_of"]).year >= 2026
    assert document["region"] == "us-east-1"
    prices = {name: entry for name, entry in document.items() if isinstance(entry, dict)}
    for name, entry in prices.items():
        assert {"usd", "unit", "source", "confirmed"} == set(entry), name
        assert entry["usd"] >= 0, name
    assert prices["step_functions_transition"]["usd"] == pytest.approx(25e-6)


def test_a_price_without_its_source_is_refused(tmp_path: Path) -> None:
    """A price without its source is refused."""
    (tmp_path / "prices.toml").write_text(
        'as_of = "2026-11-23"\nregion = "x"\n[sqs_request]\nusd = 1.0\nunit = "request"\n'
    )
    with pytest.raises(KeyError, match="confirmed"):
        Prices.read(tmp_path / "prices.toml")


def test_what_has_no_price_is_no_dollar_less() -> None:
    """A call that the price list does not know stops the measurement."""
    with pytest.raises(KeyError):
        Prices.read().cost({"unheard_of": 1})
    with pytest.raises(KeyError, match="has no price"):
        used_by([used(calls={"kinesis.PutRecord": 1})], SIZES["step"])


def test_little_memory_makes_computing_slower_and_waiting_not() -> None:
    """A seventh of a processor.

    Ten milliseconds of computing become seventy, the rest of the second stays as it is.
    """
    assert FunctionSize(memory_mb=1769).billed_ms(1.0, 0.01) == 1000
    assert FunctionSize(memory_mb=3538).billed_ms(1.0, 0.01) == 1000
    assert (
        FunctionSize(memory_mb=256).billed_ms(1.0, 0.01) == 1060
    )  # 0.99 s and 0.01 s x 6.91, rounded up
    assert FunctionSize(memory_mb=512).gb_seconds(1000) == pytest.approx(0.5)


def test_an_invocation_is_counted_call_by_call() -> None:
    """DynamoDB, SQS, KMS and secrets are counted by their prices.

    The actions service has its own bill.
    """
    calls = {
        "dynamodb.UpdateItem": 2,
        "dynamodb.DeleteItem": 1,
        "dynamodb.DescribeTable": 1,
        "sqs.SendMessageBatch": 3,
        "kms.Decrypt": 1,
        "secrets-manager.GetSecretValue": 1,
        "actions.POST": 5,
    }
    moved = {"dynamodb": 7000, "s3": 900, "sqs": 400, "actions": 600}
    total = used_by([used(calls=calls, bytes=moved, log_bytes=1000, log_lines=2)], SIZES["step"])
    assert total["dynamodb_write"] == 3
    assert total["dynamodb_read"] == 1
    assert total["sqs_request"] == 3
    assert total["kms_request"] == total["secret_request"] == total["lambda_request"] == 1
    assert total["nat_gb"] == pytest.approx(1000e-9)  # DynamoDB and S3 have endpoints of their own
    assert total["log_gb"] == pytest.approx((1000 + 2 * 27 + PLATFORM_LOG_BYTES) / 1e9)
    assert total["lambda_x86_gb_second"] == pytest.approx(1769 / 1024)


def test_an_event_costs_a_receive_and_a_delete() -> None:
    """Up to ten messages are received and deleted with one request each."""
    assert delivered(1)["sqs_request"] == delivered(10)["sqs_request"] == 2
    assert delivered(11)["sqs_request"] == 4


def test_a_million_steps_by_hand() -> None:
    """Two lone invocations for four steps are 500,000 for a million steps."""
    run = seen(used={"step": [used(calls={"sqs.SendMessageBatch": 1})] * 2}, events=[1, 1])
    usd = usd_per_million_steps(run, SIZES, Prices.read())
    assert usd["lambda_request"] == pytest.approx(0.5 * 0.2)
    assert usd["sqs_request"] == pytest.approx(0.5 * 3 * 0.4)
    assert usd["lambda_x86_gb_second"] == pytest.approx(0.5e6 * 1769 / 1024 * 0.0000166667)


def test_a_tick_pays_for_what_it_sends_and_the_month_for_the_tick() -> None:
    """A tick runs each minute with or without steps, so its seconds belong to no step."""
    total = usage(
        seen(used={"tick": [used(calls={"sqs.SendMessageBatch": 2}, bytes={"sqs": 100})]}), SIZES
    )
    assert total["sqs_request"] == 2
    assert total["lambda_request"] == 0
    assert total["lambda_x86_gb_second"] == 0


def test_step_functions_are_priced_for_the_same_work() -> None:
    """Twenty transitions for four steps are five per step: 125 dollars a million."""
    assert step_functions_usd_per_million_steps(seen(), Prices.read()) == pytest.approx(125)


def test_a_month_at_rest_is_read_from_the_template() -> None:
    """The idle month has ticks, maintenance, pollers, alarms, keys, secrets and a NAT gateway."""
    template = Template(ROOT / "template.yaml", {})
    resources = read_document(ROOT / "template.yaml")["Resources"]
    sizes = {name: FunctionSize(memory_mb=1024) for name in ("tick", "maintenance")}
    total = fixed_usd_per_month(
        template, resources, {"tick": used(), "maintenance": used()}, sizes, 40
    )
    assert total["event_rule"] == 30 * 24 * 60 + 30 * 24 * 12
    assert total["lambda_request"] == total["event_rule"]
    assert total["sqs_request"] == 2 * 5 * 3 * 60 * 720
    assert total["nat_hour"] == total["address_hour"] == 720
    assert total["metric_month"] == 40
    assert total["alarm_month"] == sum(
        r["Type"] == "AWS::CloudWatch::Alarm" for r in resources.values()
    )
    assert set(total) <= set(Prices.read().usd)
