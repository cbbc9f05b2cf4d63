"""The quick run: some hundred seeds, their replay, and the detection of deleted guards."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from devstack.postgres import Server
from flamebot.adapters.actions_api.client import ActionsApi
from verification.mutants.catalogue import MUTANTS
from verification.simulation.database import SimDatabase
from verification.simulation.report import ENOUGH_SEEDS
from verification.simulation.run import SQL, run_seeds, simulated_database
from verification.simulation.world import run_seed

SEEDS = 320
ENOUGH_FOR_A_GUARD = 100  # about one seed in twenty reaches the state that needs the guard


@pytest.fixture
def simulated(postgres: Server) -> Iterator[SimDatabase]:
    """Provide a database for seeds."""
    with simulated_database(postgres) as database:
        yield database


@pytest.mark.slow
def test_whatever_goes_wrong_the_invariants_hold() -> None:
    """I1 to I12 hold at every statement and call, and every fault and rare state occurs."""
    assert SEEDS >= ENOUGH_SEEDS
    report = run_seeds(1, SEEDS)
    assert report.verdict() == "PASSED", "\n".join(
        [report.table(), *map(str, report.failures), report.verdict()]
    )


def test_a_seed_repeats_itself(simulated: SimDatabase) -> None:
    """A seed gives the same trace whatever ran before it."""
    seeds = (3, 11, 17)
    first = [run_seed(seed, simulated).digest for seed in seeds]
    again = [run_seed(seed, simulated).digest for seed in reversed(seeds)]
    assert first == again[::-1]
    assert len(set(first)) == len(seeds)


def first_failure(database: SimDatabase) -> str:
    """Return the message of the first seed that fails."""
    for seed in range(1, ENOUGH_FOR_A_GUARD + 1):
        if failure := run_seed(seed, database).failure:
            return failure
    raise AssertionError("no seed noticed")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "invariant"),
    [
        ("begin_by_any_fence", "I4"),
        ("commit_by_any_fence", "I4"),
        ("crashes_forgiven_by_a_commit", "I8"),
    ],
)
def test_a_deleted_guard_is_noticed(
    postgres: Server, tmp_path: Path, name: str, invariant: str
) -> None:
    """Without a fence in a condition (I4), or with forgotten reclaims (I8), some seed fails."""
    shutil.copytree(SQL, tmp_path / "sql")
    (mutant,) = (mutant for mutant in MUTANTS if mutant.name == name)
    file = tmp_path / mutant.file
    file.write_text(mutant.applied(file.read_text()))
    with simulated_database(postgres, tmp_path / "sql") as database:
        assert first_failure(database).startswith(invariant)


@pytest.mark.slow
def test_a_key_per_attempt_is_noticed(simulated: SimDatabase) -> None:
    """I5: if each attempt used its own key, some seed would fail."""
    submit: Callable[..., str] = ActionsApi.submit

    def keyed_by_attempt(self: ActionsApi, *arguments: Any, key: str, fencing_token: int) -> str:
        return submit(self, *arguments, key=f"{key}:{fencing_token}", fencing_token=fencing_token)

    with mock.patch.object(ActionsApi, "submit", keyed_by_attempt):
        assert first_failure(simulated).startswith("I5")
