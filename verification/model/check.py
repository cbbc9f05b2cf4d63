"""Check the model: promises hold, guards are needed, rare states are reached.

    python -m verification.model.check [--quick] [--bases] [--only WORD ...] [--jobs N]

Prints a row per run and exits with 1 on any surprise. Without spin and a C compiler it prints that
nothing was checked and exits with 0.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from verification.model.configurations import BASES, RUNS, Run

MODEL = Path(__file__).with_name("protocol.pml")
_ERRORS = re.compile(r"errors: (\d+)")
_STATES = re.compile(r"([\d.e+]+) states, stored")
_WHY = re.compile(r"pan:1: (.*?) \(at depth")
# Not optimised: compiling takes longer than it saves. Above this memory limit pan gives up, and
# that is a surprise.
_COMPILE = ("gcc", "-O0", "-w", "-DCOLLAPSE", "-DMEMLIM=4000")
_PAN = ("./pan", "-m1000000", "-w20", "-n")
_HALF_AN_HOUR = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The result of a run. `errors` is None if it did not finish."""

    run: Run
    errors: int | None
    states: int
    seconds: float
    said: str

    @property
    def expected(self) -> bool:
        """Return whether there was a counterexample exactly where one is expected."""
        return self.errors is not None and (self.errors == 0) is self.run.holds

    @property
    def row(self) -> str:
        """Return the run, its states, counterexamples, seconds, and the broken promise."""
        kind = "liveness" if self.run.liveness else "safety"
        found = "-" if self.errors is None else str(self.errors)
        why = self.said if self.errors is None or self.errors else ""
        line = (
            f"{self.run.name:44} {kind:8} {self.states:>10,} {int(not self.run.holds):>6} "
            f"{found:>6} {self.seconds:>7.1f}  {why:.60}"
        )
        return (
            line.rstrip()
            if self.expected
            else f"{line.rstrip()}\nSURPRISE {self.run.name}: {self.run.options}"
        )


def check(run: Run) -> Answer:
    """Generate, compile and run one verifier in its own folder."""
    started = time.monotonic()
    defines = [
        f"-D{option}" if "=" in option else f"-D{option}=1" for option in run.options.split()
    ]
    with tempfile.TemporaryDirectory(prefix="model-") as folder:
        said = _call(
            folder, "spin", *defines, *(["-DEVENTUALLY"] if run.liveness else []), "-a", str(MODEL)
        )
        said += _call(
            folder,
            *_COMPILE,
            *(["-DNFAIR=5"] if run.liveness else ["-DSAFETY", "-DNOCLAIM"]),
            "-o",
            "pan",
            "pan.c",
        )
        said += (
            _call(folder, *_PAN, *(["-a", "-f"] if run.liveness else []))
            if Path(folder, "pan").exists()
            else ""
        )
    errors, states, why = _ERRORS.search(said), _STATES.search(said), _WHY.search(said)
    ended = (
        errors is not None
        and not ("Search not completed" in said and errors[1] == "0")
        and "max search depth too small" not in said
    )
    return Answer(
        run=run,
        errors=int(errors[1]) if errors and ended else None,
        states=int(float(states[1])) if states else 0,
        seconds=time.monotonic() - started,
        said=why[1] if why else said.strip()[-200:].replace("\n", " "),
    )


def _call(folder: str, *command: str) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=_HALF_AN_HOUR
    )
    return done.stdout + done.stderr


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the selected runs; return the exit status."""
    parser = argparse.ArgumentParser(description="check the model of the protocol")
    parser.add_argument(
        "--quick", action="store_true", help="some of each kind, in less than 20 seconds"
    )
    parser.add_argument(
        "--bases", action="store_true", help="that nothing breaks before a guard is taken away"
    )
    parser.add_argument(
        "--only",
        nargs="*",
        default=[],
        metavar="WORD",
        help="runs whose name has one of these in it",
    )
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="so many at once")
    options = parser.parse_args(arguments)
    missing = [tool for tool in ("spin", "gcc") if shutil.which(tool) is None]
    if missing:
        print(
            f"NOT CHECKED: the model needs {' and '.join(missing)} "
            "(Debian: apt-get install spin gcc)"
        )
        return 0
    started, answers = time.monotonic(), list[Answer]()
    with ThreadPoolExecutor(options.jobs) as pool:
        for title, runs in (
            {"before a guard is taken away": BASES} if options.bases else RUNS
        ).items():
            chosen = [
                run
                for run in runs
                if (run.quick or not options.quick)
                and (not options.only or any(w in run.name for w in options.only))
            ]
            if chosen:
                print(
                    f"\n{title:44} {'':8} {'states':>10} {'errors':>6} {'found':>6} {'seconds':>7}"
                )
            for answer in pool.map(check, chosen):
                print(answer.row, flush=True)
                answers.append(answer)
    surprises = sum(not answer.expected for answer in answers)
    states = sum(answer.states for answer in answers if answer.run.holds)
    print(
        f"\n{len(answers)} runs, {states:,} states in those that hold, "
        f"{time.monotonic() - started:.0f} s, {surprises} surprises"
    )
    return 1 if surprises or not answers else 0


if __name__ == "__main__":
    sys.exit(main())
