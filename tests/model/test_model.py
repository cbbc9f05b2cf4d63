"""The protocol's model: the tests check quick configurations, `make model` checks all."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from verification.model.check import Answer, main
from verification.model.configurations import BASES, GUARDS, REACHED, RUNS, WALLS, Run

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = (ROOT / "verification" / "model" / "options.pml").read_text()


def test_the_quick_runs_bring_no_surprise(capsys: pytest.CaptureFixture[str]) -> None:
    """I1 to I8 hold in the small configurations and break without their guards.

    Without spin the check reports that it did not run.
    """
    assert main(["--quick"]) == 0
    said = capsys.readouterr().out
    if shutil.which("spin") and shutil.which("gcc"):
        quick = sum(run.quick for runs in RUNS.values() for run in runs)
        assert re.search(rf"^{quick} runs, .* 0 surprises$", said, re.MULTILINE), said
    else:
        assert said.startswith("NOT CHECKED: ")


def test_without_spin_it_says_so_and_is_content(tmp_path: Path) -> None:
    """Without spin `make model` succeeds and reports that nothing was checked."""
    command = [sys.executable, "-m", "verification.model.check"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert (
        done.stdout
        == "NOT CHECKED: the model needs spin and gcc (Debian: apt-get install spin gcc)\n"
    )


@pytest.mark.parametrize(
    ("holds", "errors", "expected"),
    [
        (True, 0, True),
        (True, 1, False),
        (True, None, False),
        (False, 1, True),
        (False, 0, False),
        (False, None, False),
    ],
)
def test_what_counts_as_a_surprise(holds: bool, errors: int | None, expected: bool) -> None:
    """A guard without a counterexample, a broken promise and an unfinished run are reported."""
    answer = Answer(
        run=Run(name="a run", options="NT=3", holds=holds),
        errors=errors,
        states=1,
        seconds=1.0,
        said="why",
    )
    assert answer.expected is expected
    assert ("SURPRISE a run: NT=3" in answer.row) is not expected


def test_each_guard_is_taken_away_once() -> None:
    """Each guard of the model is taken away in some run, alone or with a second guard."""
    guards = set(re.findall(r"^#define (M_\w+) 0", OPTIONS, re.MULTILINE))
    taken = [word for run in GUARDS for word in run.name.split()]
    walls = {word for run in WALLS for word in run.options.split() if word.startswith("M_")}
    # A wall that others are taken away with stands in their options, and in no name.
    others = {w for run in GUARDS for w in run.options.split() if w in walls} - set(taken)
    assert sorted([*taken, *others]) == sorted(guards)
    pairs = {frozenset({*run.name.split(), *run.options.split()} & guards) for run in GUARDS}
    assert {wall for pair in pairs if len(pair) > 1 for wall in pair} >= walls


def test_each_rare_state_is_looked_for() -> None:
    """Each rare state has a run that reaches it."""
    _, rare = OPTIONS.split("rare states;")
    assert {run.name for run in REACHED} == set(
        re.findall(r"^#define (\w+) [1-9]\d*$", rare, re.MULTILINE)
    )


def test_every_run_has_its_own_name() -> None:
    """Every run has its own name."""
    names = [run.name for runs in [*RUNS.values(), BASES] for run in runs]
    assert len(names) == len(set(names))
