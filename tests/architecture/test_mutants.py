"""The catalogue of mutants fits the code: whoever moves a guard moves its mutant too."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from pathlib import Path

from tests.mutants.__main__ import FEWEST
from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import DoesNotApply, at


@cache
def _tests_in(path: Path) -> frozenset[str]:
    if not path.exists():
        return frozenset()
    return frozenset(node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef))


def test_every_mutant_applies(root: Path) -> None:
    """Each guard stands once where the catalogue says: a mutant that changes nothing would prove nothing."""
    lost = []
    for mutant in MUTANTS:
        try:
            mutant.applied(at(root, mutant).read_text(encoding="utf-8"))
        except DoesNotApply as error:
            lost.append(str(error))
    assert lost == []


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
    assert [name for name, times in Counter(mutant.name for mutant in MUTANTS).items() if times > 1] == []
    assert len(MUTANTS) >= FEWEST


def test_a_python_mutant_is_python(root: Path) -> None:
    """It breaks a rule, not the file: what cannot be compiled would be killed by anything."""
    for mutant in MUTANTS:
        if mutant.file.endswith(".py"):
            compile(mutant.applied(at(root, mutant).read_text(encoding="utf-8")), mutant.name, "exec")
