"""Figures and their goals. The names are those of the results file; README.md explains each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goal:
    """The value that a figure should reach."""

    text: str
    reached: Callable[[float], bool]


def at_least(limit: float) -> Goal:
    """Return a goal for a figure that should be large."""
    return Goal(f">= {limit:g}", lambda value: value >= limit)


def at_most(limit: float) -> Goal:
    """Return a goal for a figure that should be small."""
    return Goal(f"<= {limit:g}", lambda value: value <= limit)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number with its goal."""

    name: str
    value: float
    unit: str
    goal: Goal | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Return whether the goal is met; None for a number without one."""
        return None if self.goal is None else self.goal.reached(self.value)


GOALS: dict[str, Goal] = {
    "steps_vs_update": at_least(0.5),
    "steps_vs_best_python_peer": at_least(3),
    "steps_vs_absurd": at_least(7),
    "lone_workflow_ms": at_most(15),
    "steps_with_10m_sleeping_ratio": at_least(0.9),
    "claim_vs_bare_update": at_most(2),
    "claim_growth_to_10m": at_most(1.5),
    "tick_100k_seconds": at_most(20),
    "lateness_p50_seconds": at_most(0.3),
    "lateness_p99_seconds": at_most(1),
    "lateness_early_tasks": at_most(0),
    "lateness_local_stack_p50_seconds": at_most(0.3),
    "lateness_local_stack_p99_seconds": at_most(1),
    "loop_ratio": at_most(1.1),
    "loop_row_bytes": at_most(16 * 1024),
    "import_accounts_per_second": at_least(5000),
    "import_set_based_per_second": at_least(10000),
    "import_file_peak_mb": at_most(256),
    "statements_per_step": at_most(0.15),
    "commits_per_step": at_most(0.05),
    "wal_bytes_per_step": at_most(3000),
    "churn_claim_ratio": at_most(1.3),
    "usd_per_million_steps": at_most(2.5),
    "usd_per_million_steps_together_default": at_most(2.5),
    "usd_vs_step_functions_default": at_most(0.1),
    "usd_vs_step_functions_test": at_most(0.1),
    "usd_vs_step_functions_aggressive": at_most(0.1),
    "cold_start_cpu_ms_tick": at_most(400),
    "cold_start_cpu_ms_step": at_most(700),
}


def figure(name: str, value: float, unit: str, note: str = "") -> Figure:
    """Return a figure with its goal, if it has one."""
    return Figure(name, value, unit, GOALS.get(name), note)
