"""The results: a table for people, and a file for comparison with the next run."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Sequence
from typing import Any

from bench.database import ROOT, SETTINGS
from bench.figures import Figure
from bench.machine import description

RESULTS = ROOT / "bench" / "results"
LATEST = RESULTS / "latest.json"


def latest() -> dict[str, Any]:
    """Return what the last run wrote; empty before the first run."""
    if not LATEST.exists():
        return {"figures": {}}
    document: dict[str, Any] = json.loads(LATEST.read_text())
    return document


def commit() -> str:
    """Return the measured commit, with a plus if files have changed since."""
    name = _git("rev-parse", "--short", "HEAD")
    return name + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")


def _git(*words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()


def entry(figure: Figure, *, others: float) -> dict[str, Any]:
    """Return a figure as the file has it. `others`: cores that other processes used meanwhile."""
    return {
        "value": round(figure.value, 6),
        "unit": figure.unit,
        "goal": figure.goal.text if figure.goal else None,
        "met": figure.met,
        "note": figure.note,
        "othersCores": round(others, 2),
        "commit": commit(),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def save(measured: dict[str, dict[str, Any]], before: dict[str, Any]) -> None:
    """Write the measured figures; the others keep their earlier values, commits and times."""
    document = {
        "figures": {**before.get("figures", {}), **measured},
        "machine": {**description(), "postgres": dict(SETTINGS)},
        "commit": commit(),
    }
    RESULTS.mkdir(exist_ok=True)
    LATEST.write_text(json.dumps(document, indent=1) + "\n")


def table(measured: dict[str, dict[str, Any]], before: dict[str, Any]) -> str:
    """Return figure, value, goal, whether it is met, and the change since the last run."""
    lines: list[Sequence[str]] = [("figure", "value", "goal", "met", "before", "others")]
    for name, result in measured.items():
        old = before.get("figures", {}).get(name)
        change = (
            ""
            if old is None
            else f"{_number(old['value'])} ({_change(result['value'], old['value'])})"
        )
        met = {True: "yes", False: "NO", None: ""}[result["met"]]
        others = f"{result['othersCores']:.1f}" + (" !" if result["othersCores"] > 0.5 else "")
        lines.append(
            (
                name,
                f"{_number(result['value'])} {result['unit']}".strip(),
                result["goal"] or "",
                met,
                change,
                others,
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _change(value: float, old: float) -> str:
    return f"{100 * (value / old - 1):+.0f} %" if old else "was 0"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
