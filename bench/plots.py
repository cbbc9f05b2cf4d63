"""Plots of results that a single number does not show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt  # the backend is chosen first: there may be no screen
from matplotlib.axes import Axes


def _save(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    plt.tight_layout()
    plt.savefig(path, dpi=100, metadata={"Software": None})
    plt.close()


def _axes(title: str, x: str, y: str, *, count: int = 1) -> list[Axes]:
    _, found = plt.subplots(count, 1, figsize=(8, 3.2 * count), squeeze=False, sharex=count > 1)
    axes = [row[0] for row in found]
    axes[0].set_title(title, loc="left")
    axes[-1].set_xlabel(x)
    axes[0].set_ylabel(y)
    for each in axes:
        each.grid(alpha=0.3)
        each.spines[["top", "right"]].set_visible(False)
    return axes


def claims(path: Path, rates: Mapping[int, float], *, bare: float) -> None:
    """Plot claimed rows per second against the number of sleepers."""
    (axes,) = _axes("Claim of 10,000 due tasks", "sleeping tasks", "rows per second")
    axes.semilogx(list(rates), list(rates.values()), marker="o", label="claim_due_tasks")
    axes.axhline(bare, linestyle="--", color="grey", label="bare UPDATE ... SKIP LOCKED")
    axes.set_ylim(bottom=0)
    axes.legend()
    _save(path)


def lateness(path: Path, late: Sequence[float]) -> None:
    """Plot how late tasks began."""
    (axes,) = _axes("Lateness, 50 tasks a second", "seconds late", "tasks")
    axes.hist(late, bins=100, log=True)
    _save(path)


def loop(path: Path, moments: Sequence[float]) -> None:
    """Plot milliseconds per iteration, in a hundred groups."""
    group = max(1, len(moments) // 100)
    (axes,) = _axes("One instance that loops", "iterations", "ms per iteration")
    places = range(group, len(moments), group)
    axes.plot(
        list(places), [1000 * (moments[place] - moments[place - group]) / group for place in places]
    )
    axes.set_ylim(bottom=0)
    _save(path)


def churn(
    path: Path, times: Sequence[float], looks: Sequence[tuple[float, ...]], seconds: float
) -> None:
    """Plot claim time, dead tuples and size over a churn."""
    upper, middle, lower = _axes(
        "Steps through the tables, autovacuum on", "seconds", "ms per claim of 500", count=3
    )
    upper.plot(
        [seconds * place / len(times) for place in range(len(times))],
        [1000 * each for each in times],
        linewidth=0.5,
    )
    upper.set_ylim(bottom=0)
    middle.plot([look[0] for look in looks], [look[1] for look in looks], label="dead")
    middle.plot([look[0] for look in looks], [look[2] for look in looks], label="live")
    middle.set_ylabel("tuples")
    middle.legend()
    lower.plot([look[0] for look in looks], [look[3] / 2**20 for look in looks], label="table")
    lower.plot([look[0] for look in looks], [look[4] / 2**20 for look in looks], label="indexes")
    lower.set_ylabel("MiB")
    lower.legend()
    _save(path)
