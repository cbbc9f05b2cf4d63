"""The number of cases: a fixed small one in `make test`, any in `make fuzz CASES=n`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contracts.conftest import aws, aws_endpoint  # noqa: F401  # fixtures: one emulator is set up one way
from tests.integration.services.conftest import roles, vault  # noqa: F401
from tests.security.conftest import front  # noqa: F401  # the same door
from verification.fuzz.effort import CASES, SEED, Tally


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Add the number of tried cases to the test's report."""
    before = Tally.cases
    try:
        yield
    finally:
        item.user_properties.append(("cases", Tally.cases - before))


def pytest_report_header() -> str | None:
    """Print how to repeat the same cases."""
    return f"fuzz: {CASES} cases per property, FUZZ_SEED={SEED}" if CASES else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the sums of the cases."""
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
