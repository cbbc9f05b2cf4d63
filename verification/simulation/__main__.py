"""Command line of the simulation: SEEDS=n from FIRST=k on, or one SEED=k with its whole trace."""

from __future__ import annotations

import os
import sys
import time

from verification.simulation.report import Report
from verification.simulation.run import replay, run_seeds

_EVERY_SECONDS = 10.0


def main() -> int:
    """Run the seeds, print the report and return 0 only if the run passed."""
    if seed := os.environ.get("SEED"):
        result = replay(int(seed))
        print("\n".join(result.trace))
        print(
            f"seed {seed}: {result.failure or 'passed'} ({result.events} events, "
            f"{result.hours:.1f} virtual hours, trace {result.digest})"
        )
        return 1 if result.failure else 0
    spoken = time.monotonic()

    def progress(report: Report) -> None:
        nonlocal spoken
        if time.monotonic() - spoken > _EVERY_SECONDS:
            spoken = time.monotonic()
            speed = report.seeds / report.seconds
            print(
                f"{report.seeds:,} seeds, {report.events:,} events, {speed:.2f} seeds/s, "
                f"{len(report.failures)} failed",
                flush=True,
            )

    whole = os.environ.get("KEEP_GOING", "") != ""
    report = run_seeds(
        int(os.environ.get("FIRST") or 1),
        int(os.environ.get("SEEDS") or 300),
        progress=progress,
        stop_at_failure=not whole,
    )
    print(report.table())
    for failure in report.failures[:5]:
        print(failure)
    print(report.verdict())
    return 0 if report.verdict() == "PASSED" else 1


if __name__ == "__main__":
    sys.exit(main())
