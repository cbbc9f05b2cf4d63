"""`make outage`: the actions service is down for two hours while every workflow falls due.

The same population runs without an outage first: what the concurrency alone needs.
Exit status: 0 nothing failed and no attempt was counted; 1 otherwise.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.e2e.local_stack import LocalStack
from verification.outage.trial import run


def main() -> int:
    """Run both populations and print the figures."""
    parser = argparse.ArgumentParser(prog="make outage", description=__doc__)
    parser.add_argument("--workflows", type=int, default=1000, help="default %(default)s")
    parser.add_argument("--minutes", type=float, default=120, help="of schedule time (120)")
    parser.add_argument("--speed", type=float, default=60, help="of the schedule clock (60)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flamebot-outage-") as directory:
        Path(directory).chmod(0o711)  # the server may have to run as another user
        stack = LocalStack(Path(directory), "--speed", str(options.speed))
        try:
            usual = run(stack, "usual", options.workflows, speed=options.speed)
            outage = run(
                stack,
                "outage",
                options.workflows,
                speed=options.speed,
                outage_minutes=options.minutes,
            )
        finally:
            stack.stop()
    probes = options.minutes * 60 / 15
    print(
        f"{options.workflows:,} workflows, {options.minutes:g} minutes down,"
        f" schedule time at {options.speed:g} times wall time\n"
        f"  failed workflows             {outage.failed:>10,}\n"
        f"  attempts counted             {outage.attempts:>10,}\n"
        f"  calls without a response     {outage.calls:>10,}\n"
        f"    after the first minute     {outage.late_calls:>10,}"
        f"  ({probes:,.0f} probe intervals)\n"
        f"  answered in the first minute {outage.first_minute:>10,}\n"
        f"  drained in                   {outage.drain_seconds:>10,.0f} s\n"
        f"  the concurrency alone needs  {usual.drain_seconds:>10,.0f} s"
        f"  ({outage.drain_seconds / usual.drain_seconds:.2f} times)"
    )
    for opening in outage.openings:
        lasted = opening["ended_at"] - opening["opened_at"] if opening["ended_at"] else "still"
        print(f"  open from {opening['opened_at']:%H:%M:%S}: {opening['reason']}, {lasted}")
    return 1 if outage.failed or outage.attempts else 0


if __name__ == "__main__":
    raise SystemExit(main())
