"""`make chaos`: kill and freeze real processes under load, then compare workflows and effects.

Exit status: 0 passed; 1 an invariant is broken or not everything came to rest; 3 the run is invalid
because too few faults hit.
"""

from __future__ import annotations

import argparse
import secrets
import signal
import sys

from verification.chaos.pace import SMOKE, long_pace
from verification.chaos.run import Result, Run


def main(argv: list[str] | None = None) -> int:
    """Run, print the result and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="make chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--workflows",
        type=int,
        default=2000,
        help="how many accounts to import (default %(default)s)",
    )
    parser.add_argument("--seed", help="of the strikes' plan; drawn and printed if it is not given")
    parser.add_argument(
        "--smoke", action="store_true", help="the pace of the test in tests/e2e/test_chaos.py"
    )
    options = parser.parse_args(argv)
    seed = options.seed or secrets.token_hex(4)
    for number in (
        signal.SIGTERM,
        signal.SIGINT,
    ):  # a shell's background jobs ignore SIGINT
        signal.signal(number, signal.default_int_handler)
    pace = SMOKE if options.smoke else long_pace(options.workflows)
    again = f"make chaos WORKFLOWS={options.workflows} SEED={seed}" + (
        " ARGS=--smoke" if options.smoke else ""
    )
    print(f"chaos: {options.workflows} workflows, seed {seed}", flush=True)
    try:
        result = Run(pace, options.workflows, seed, lambda line: print(line, flush=True)).run()
    except AssertionError as error:
        print(f"\nBROKEN: {error}\nthe same plan again: {again}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; everything is ended", file=sys.stderr)
        return 130
    show(result)
    print(f"\nthe same plan again: {again}")
    return {"passed": 0, "broken": 1, "invalid": 3}[result.end]


def show(result: Result) -> None:
    """Print the table and the verdict."""
    for title, counts in (
        ("the run", result.figures),
        ("strikes and what they left", result.evidence),
    ):
        print(f"\n{title}")
        for name, value in sorted(counts.items()):
            print(f"  {name:<44} {value:>9,.0f}")
    for name, lines in (
        ("BROKEN", result.issues),
        ("INVALID, too little evidence of", result.missing),
    ):
        if lines:
            print(f"\n{name}", *lines, sep="\n  ")
    print(f"\n{result.end.upper()}")


if __name__ == "__main__":
    sys.exit(main())
