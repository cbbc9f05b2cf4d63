"""`make bench`: run the measurements, print the table, write `bench/results/`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence

from bench import report
from bench.database import server
from bench.figures import Figure
from bench.machine import Others
from bench.run import Run

# In this order: later measurements use results of earlier ones. Each names its figures.
MEASURES: dict[str, tuple[str, ...]] = {
    "limits": ("update_tps_", "copy_rows_per_second", "bare_claim_rows_per_second"),
    "throughput": ("steps_per_second", "steps_vs_update", "best_step_threads",
                   "statements_per_step", "commits_per_step", "wal_bytes_per_step",
                   "messages_per_step", "python_us_per_step", "cpu_us_per_step"),
    "lone": ("lone_workflow_",),
    "tick": ("tick_100k_seconds",),
    "imports": ("import_set_based_",),
    "import_file": ("import_file_",),
    "local_stack": ("import_accounts_per_second", "lateness_local_stack_"),
    "lateness": ("lateness_p50_seconds", "lateness_p99_seconds", "lateness_early_tasks"),
    "dollars": ("usd_", "step_function_peak_mib"),
    "loop": ("loop_",),
    "cold_start": ("cold_start_cpu_ms_",),
    "churn": ("churn_",),
    "sleepers": ("steps_with_10m_sleeping_ratio", "claim_"),
}  # fmt: skip
_NEEDS = {"throughput": ("limits",)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurements; return 0 whether or not goals are met: figures are only reported."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--only", help="a figure or a measurement")
    parser.add_argument(
        "--long", action="store_true", help="a loop of a million, a churn of ten million"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="small sizes: shows that the harness works; nothing is written",
    )
    parser.add_argument(
        "--peers", action="store_true", help="our steps per second and the peers', in one run"
    )
    options = parser.parse_args(arguments)
    chosen = ["limits", "throughput", "peers"] if options.peers else _chosen(options.only)
    before = report.latest()
    measured = {}
    with server() as running:
        run = Run(running, report.RESULTS, long=options.long, quick=options.quick)
        for name in chosen:
            run.say(name)
            measure: Callable[[Run], list[Figure]] = importlib.import_module(
                f"bench.measures.{name}"
            ).measure
            with Others() as others:
                figures = measure(run)
            for figure in figures:
                measured[figure.name] = report.entry(figure, others=others.cores)
                run.say(f"  {figure.name} = {figure.value:,.4g} {figure.unit} {figure.note}")
            if not options.quick:
                report.save(measured, before)
    print("\n" + report.table(measured, before))
    return 0


def _chosen(only: str | None) -> list[str]:
    if only is None:
        return list(MEASURES)
    for name, figures in MEASURES.items():
        if only == name or any(only.startswith(figure) for figure in figures):
            return [*_NEEDS.get(name, ()), name]
    sys.exit(f"{only} is no figure; measurements: {', '.join(MEASURES)}")


if __name__ == "__main__":
    sys.exit(main())
