"""The catalogue of all mutants."""

from __future__ import annotations

from typing import Final

from verification.mutants.guards import (
    acting,
    answering,
    beginning,
    breaking,
    chaining,
    claiming,
    committing,
    constraining,
    controlling,
    deciding,
    delivering,
    deploying,
    dispatching,
    failing,
    gathering,
    importing,
    inserting,
    invoking,
    locking,
    pausing,
    planning,
    reclaiming,
    replanning,
    retaining,
    starting,
    storing,
)
from verification.mutants.mutant import Mutant

MUTANTS: Final[tuple[Mutant, ...]] = (
    *claiming.MUTANTS,
    *reclaiming.MUTANTS,
    *beginning.MUTANTS,
    *breaking.MUTANTS,
    *committing.MUTANTS,
    *inserting.MUTANTS,
    *starting.MUTANTS,
    *controlling.MUTANTS,
    *pausing.MUTANTS,
    *replanning.MUTANTS,
    *deciding.MUTANTS,
    *retaining.MUTANTS,
    *constraining.MUTANTS,
    *locking.MUTANTS,
    *delivering.MUTANTS,
    *gathering.MUTANTS,
    *chaining.MUTANTS,
    *invoking.MUTANTS,
    *acting.MUTANTS,
    *answering.MUTANTS,
    *planning.MUTANTS,
    *failing.MUTANTS,
    *storing.MUTANTS,
    *dispatching.MUTANTS,
    *importing.MUTANTS,
    *deploying.MUTANTS,
)
