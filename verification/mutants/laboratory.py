"""Copies of the checkout, one per worker, in which mutants are tested.

The checkout itself is only read.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from verification.mutants.mutant import DoesNotApply, Mutant, at

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 120.0  # wall-clock seconds for the tests of one mutant; they take a few
BASELINE_TIMEOUT = 900.0
_PYTEST = ("-m", "pytest", "-p", "no:cacheprovider", "--no-header", "-q", "--tb=short", "-rfE")
_FAILED = re.compile(r"^FAILED (\S+::[^\s\[]+(?:\[.*?\])?)", re.MULTILINE)
# A mutant must break a rule and not the code: these errors show that it cannot be run.
_BROKEN = re.compile(
    r"psycopg2\.errors\.(?:Undefined|Syntax|Ambiguous|Datatype|Invalid(?:Column|Function|Table))"
    r"|SQLSTATE 42"
    r"|\b(?:NameError|SyntaxError|IndentationError|ImportError|ModuleNotFoundError|UnboundLocalError)\b"
)
_WHERE = """
import flamebot, devstack, cli, tests.support.databases as t
print(flamebot.__file__, devstack.__file__, cli.__file__, t.__file__)
"""


class Verdict(StrEnum):
    """The result of testing a mutant."""

    KILLED = "killed"
    SURVIVED = "SURVIVED"
    HUNG = "HUNG"  # unexpectedly: does not count as killed
    BROKEN = "BROKEN"  # no test failed because of the guard: the mutant cannot be run
    DOES_NOT_APPLY = "DOES NOT APPLY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A mutant and its verdict."""

    mutant: Mutant
    verdict: Verdict
    by: str  # the test that failed, or the reason for another verdict
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The output and exit status of a process."""

    code: int | None  # None: it did not end in time
    output: str


class Laboratory:
    """A copy of the checkout in its own directory."""

    def __init__(self, directory: Path) -> None:
        """Copy tracked and new files. Raises `RuntimeError` if Python does not import the copy."""
        directory.chmod(0o711)  # a Postgres that runs as the user nobody must be able to enter
        self._root = directory / "checkout"
        self._temporary = directory / "tmp"
        self._temporary.mkdir()
        for name in own_files():
            target = self._root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
        where = self._run(["-c", _WHERE], 60).output.split()
        if len(where) != 4 or not all(Path(path).is_relative_to(self._root) for path in where):
            raise RuntimeError(f"the copy in {self._root} is not what is imported: {where}")

    def baseline(self, tests: Iterable[str]) -> str | None:
        """Run tests without any mutant; return the output if not all pass."""
        run = self._run([*_PYTEST, "-p", "xdist", "-n", "2", *tests], BASELINE_TIMEOUT)
        return None if run.code == 0 else run.output

    def test(self, mutant: Mutant) -> Result:
        """Delete the guard, run its killers until one fails, restore the file."""
        started = time.monotonic()
        path = at(self._root, mutant)
        text = path.read_text(encoding="utf-8")
        try:
            self._write(path, mutant.applied(text))
        except DoesNotApply as error:
            return Result(mutant=mutant, verdict=Verdict.DOES_NOT_APPLY, by=str(error), seconds=0.0)
        try:
            run = self._run([*_PYTEST, "-x", *mutant.killers], TIMEOUT)
        finally:
            self._write(path, text)
        verdict, by = verdict_of(mutant, run)
        return Result(mutant=mutant, verdict=verdict, by=by, seconds=time.monotonic() - started)

    def _write(self, path: Path, text: str) -> None:
        """Write a file and delete its .pyc files.

        Python recognises a changed source by its size and second only.
        """
        path.write_text(text, encoding="utf-8")
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink()

    def _run(self, arguments: Sequence[str], timeout: float) -> Run:
        environment = {
            **os.environ,
            "PYTHONPATH": f"{self._root}{os.pathsep}{self._root / 'layers' / 'engine' / 'src'}",
            "PYTEST_ADDOPTS": "",
            # a run takes a second; loading unused plugins takes two more
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "TMPDIR": str(self._temporary),
        }
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self._root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            return Run(code=None, output="")
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # the servers that it started end with it
                process.communicate()
        return Run(code=process.returncode, output=output)


def own_files() -> list[str]:
    """Return tracked files and new files that are not ignored. Needs git."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = (
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        .stdout.decode()
        .split("\0")
    )
    return [name for name in names if name and (ROOT / name).is_file()]


def verdict_of(mutant: Mutant, run: Run) -> tuple[Verdict, str]:
    """Return the verdict: a mutant is killed by a failed test, not by one that could not run."""
    if run.code is None:
        said = f"no end within {TIMEOUT:.0f} s"
        return (Verdict.KILLED if mutant.may_hang else Verdict.HUNG), said
    if run.code == 0:
        return Verdict.SURVIVED, ""
    failed = _FAILED.search(run.output)
    if run.code != 1 or failed is None or _BROKEN.search(run.output):
        return Verdict.BROKEN, "\n" + run.output[-3000:]
    return Verdict.KILLED, failed[1]
