"""The catalogue of mutants fits the code: a guard that moves takes its mutant along."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from verification.mutants.__main__ import FEWEST
from verification.mutants.catalogue import MUTANTS
from verification.mutants.laboratory import Run, Verdict, verdict_of
from verification.mutants.mutant import MARK, DoesNotApply, Mutant, at


@cache
def _tests_in(path: Path) -> frozenset[str]:
    if not path.exists():
        return frozenset()
    return frozenset(
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    )


def test_every_mutant_applies(root: Path) -> None:
    """Each guard stands once where the catalogue says.

    A mutant that changes nothing would prove nothing.
    """
    lost = []
    for mutant in MUTANTS:
        try:
            mutant.applied(at(root, mutant).read_text(encoding="utf-8"))
        except DoesNotApply as error:
            lost.append(str(error))
    assert lost == []


def test_every_mark_in_the_source_names_a_guard_that_a_mutant_deletes(root: Path) -> None:
    """A mark that no mutant is anchored to would promise a check that is never made."""
    anchored = {(mutant.file, mutant.guard) for mutant in MUTANTS if mutant.guard}
    marked = {
        (str(path.relative_to(root)), name)
        for folder in ("layers", "sql", "functions", "devstack")
        for path in (root / folder).rglob("*")
        if path.suffix in {".py", ".sql"}
        for mark in MARK.finditer(path.read_text(encoding="utf-8"))
        for name in mark[1].split(", ")
    }
    assert marked - anchored == set()


def test_every_mutant_is_anchored_to_a_mark() -> None:
    """A mutant without a mark would depend on the exact text of its source."""
    assert [mutant.name for mutant in MUTANTS if mutant.guard is None] == []


def test_every_mutant_names_tests_that_exist(root: Path) -> None:
    """What should fail is there to fail."""
    missing = []
    for mutant in MUTANTS:
        for killer in mutant.killers:
            file, _, name = killer.partition("::")
            if name.partition("[")[0] not in _tests_in(root / file):
                missing.append(f"{mutant.name}: {killer}")
    assert missing == []
    assert [mutant.name for mutant in MUTANTS if not mutant.killers] == []


def test_mutants_have_names_of_their_own() -> None:
    """`make mutants ONLY=name` means one guard; and there are enough of them."""
    assert [
        name for name, times in Counter(mutant.name for mutant in MUTANTS).items() if times > 1
    ] == []
    assert len(MUTANTS) >= FEWEST


def test_a_python_mutant_is_python(root: Path) -> None:
    """It breaks a rule, not the file: what cannot be compiled would be killed by anything."""
    for mutant in MUTANTS:
        if mutant.file.endswith(".py"):
            compile(
                mutant.applied(at(root, mutant).read_text(encoding="utf-8")), mutant.name, "exec"
            )


FAILED = "FAILED tests/a.py::test_b[x-1] - assert 1 == 2\n"


@pytest.mark.parametrize(
    ("code", "output", "may_hang", "verdict"),
    [
        (1, FAILED, False, Verdict.KILLED),
        (0, "1 passed", False, Verdict.SURVIVED),
        (1, "ERROR tests/a.py::test_b - psycopg2.errors.SyntaxError\n", False, Verdict.BROKEN),
        (1, f"E   psycopg2.errors.UndefinedColumn: column\n{FAILED}", False, Verdict.BROKEN),
        (1, f"E   StoreFault: SQLSTATE 42P01\n{FAILED}", False, Verdict.BROKEN),
        (1, f"E   NameError: name\n{FAILED}", False, Verdict.BROKEN),
        (4, "ERROR: not found: tests/a.py::test_b\n", False, Verdict.BROKEN),
        (5, "no tests ran", False, Verdict.BROKEN),
        (None, "", False, Verdict.HUNG),
        (None, "", True, Verdict.KILLED),
    ],
)
def test_only_a_failed_test_kills(
    code: int | None, output: str, may_hang: bool, verdict: Verdict
) -> None:
    """A test that cannot be set up, a mutant that cannot run and a hang are no kills."""
    mutant = Mutant(
        name="m",
        truth="t",
        file="f",
        edits=(("a", "b"),),
        killers=("tests/a.py::test_b",),
        may_hang=may_hang,
    )
    found, by = verdict_of(mutant, Run(code=code, output=output))
    assert found is verdict
    assert by == "tests/a.py::test_b[x-1]" or output != FAILED


@pytest.mark.parametrize("text", ["", "guard guard"])
def test_a_guard_that_is_gone_or_twice_is_reported(text: str) -> None:
    """A mutant says loudly that it no longer applies; it never passes for killed."""
    mutant = Mutant(name="m", truth="t", file="f", edits=(("guard", ""),), killers=())
    with pytest.raises(DoesNotApply):
        mutant.applied(text)
