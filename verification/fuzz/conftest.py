"""How much is tried: a fixed little in `make test`, any amount with a seed of its own in `make fuzz CASES=n`, which ends with the sums."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contracts.conftest import aws, aws_endpoint  # noqa: F401  # fixtures: one emulator is set up one way
from tests.integration.services.conftest import roles, vault  # noqa: F401
from tests.security.conftest import front  # noqa: F401  # the same door
from verification.fuzz.effort import CASES, SEED, Tally


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Have the test's report say how many cases it tried."""
    before = Tally.cases
    try:
        yield
    finally:
        item.user_properties.append(("cases", Tally.cases - before))


def pytest_report_header() -> str | None:
    """Say how to see the same again."""
    return f"fuzz: {CASES} cases per property, FUZZ_SEED={SEED}" if CASES else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add the cases up."""
    reports = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
    ]
    counts = {
        report.nodeid.rpartition("::")[2]: dict(report.user_properties).get("cases", 0)
        for report in reports
        if report.when == "call"
    }
    if CASES:
        for test, count in sorted(counts.items()):
            terminalreporter.write_line(f"fuzz: {count:>8,} {test}")
        terminalreporter.write_line(f"fuzz: {sum(counts.values()):>8,} cases, seed {SEED}")
